"""HTML in product texts: tags and entities out, what they enclose stays."""

from __future__ import annotations

import html
import re

PASSES = 4  # feeds escape once or twice; what is nested deeper is no text, and each pass reads all of it
_WORDS = [
    "a",
    "abbr",
    "address",
    "area",
    "article",
    "aside",
    "audio",
    "b",
    "base",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "dir",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "legend",
    "li",
    "link",
    "main",
    "map",
    "mark",
    "meta",
    "nav",
    "object",
    "ol",
    "option",
    "p",
    "param",
    "picture",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "select",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
]
# Names are listed, so that "size <l or >m" and "cable <2 m" stay as they are.
_TAG = re.compile(rf"</?(?:{'|'.join(_WORDS)})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_HIDDEN = re.compile(r"<!--[^<>]*-->|<(script|style)\b[^<>]*>[^<]*</\1\s*>", re.IGNORECASE)
_INLINE = re.compile(r"</?(?:a|abbr|b|bdi|bdo|big|code|em|font|i|mark|s|small|span|strong|sub|sup|tt|u|wbr)\b", re.I)
# With its semicolon: `?a=1&copy=2` and `R&not` are no entities, whatever a browser makes of them.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NESTED = re.compile(r"&(?:(?:amp|#0{0,4}38|#x0{0,4}26);)+", re.IGNORECASE)  # any depth at once


def without_markup(text: str) -> str:
    """Plain text of a text with HTML in it; a text without any is given back as it is.

    Tags between words leave a space, tags within a word (`H<sub>2</sub>O`) do not. Text of scripts, styles and comments
    goes. `&amp;lt;b&amp;gt;` is read as the tag it was before a feed escaped it twice. Never raises; applying it twice
    changes nothing more, because what is still markup after PASSES loses its `<` and `&`.
    """
    if "<" not in text and "&" not in text:
        return text
    for _ in range(PASSES):
        once = _pass(text)
        if once == text:
            return text
        text = once
    return text if _pass(text) == text else text.replace("<", " ").replace("&", " ")


def _pass(text: str) -> str:
    text = _HIDDEN.sub(" ", text)
    text = _TAG.sub(lambda tag: "" if _INLINE.match(tag[0]) else " ", text)
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), _NESTED.sub("&", text))
