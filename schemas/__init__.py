"""The contract: bytes on the wire and on disk. Needs msgspec and nothing else, so any service can import it alone.

`events` are what we read, `predictions` what we write, `letters` what we could not read, `state` what we keep,
`topics` where each travels, and `codec` turns one into the other.
"""
