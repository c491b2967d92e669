"""`shelfstream taxonomy`: the Shopify categories of any product title, in English or Chinese."""

import json
from typing import Annotated

import typer


def taxonomy(
    titles: Annotated[list[str], typer.Argument(help="One or more product titles.")],
    sure: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Confidence that the deepest sure category must have.")
    ] = 0.8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a title instead of text.")] = False,
) -> None:
    """The five likeliest of 10,595 categories, and the deepest that is sure.

    Example: shelfstream taxonomy "Ceramic travel mug with lid" "加厚防滑瑜伽垫"
    """
    from models.predict import load_taxonomy

    predictor = load_taxonomy()
    answers = predictor.run(titles, sure)
    for row, title in enumerate(titles):
        found = [
            {"id": str(one), "path": list(predictor.tree.path(str(one))), "score": round(float(score), 4)}
            for one, score in zip(answers.ids[row], answers.scores[row], strict=True)
        ]
        deepest = str(answers.sure_ids[row])
        path = list(predictor.tree.path(deepest)) if deepest else []
        result = {
            "title": title,
            "categories": found,
            "confidence": round(float(answers.confidence[row]), 4),
            "sure": path,
            "sure_id": deepest,
        }
        if as_json:
            print(json.dumps(result, ensure_ascii=False))
            continue
        print(f"{title}\n  sure: {' > '.join(path) or 'nothing'}")
        for one, score in zip(answers.ids[row], answers.scores[row], strict=True):
            print(f"  {score:.3f}  {one:<18} {' > '.join(predictor.tree.path(str(one)))}")
