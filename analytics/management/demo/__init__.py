"""A believable workspace out of a seed: who is in it, what they used and when. For trying out, tests and benchmarks.

Data passes through: `scale` (what is asked for) → `world` (people, teams, assistants, workflows, drawn as columns)
→ `settle` (stored through the models; ids come back) → `usage` (events, drawn in blocks of days over the `seasons`)
→ `encode` (COPY text) → the bulk path of `ingest.store`; at the end `keys` (of the systems that reported all that).
The same scale gives the same rows; nothing here reads a clock. To add a kind of person or item, draw it in `world`; to
add a habit, weigh it in `seasons` or `usage`; to add a system, name it in `keys`.
"""
