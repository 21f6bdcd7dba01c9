"""Money: what requests to paid models may cost, and a cap on it that is never passed.

Inspect's own `--cost-limit` is a limit on each sample, checked after a reply has been paid for; `--model-cost-config`
is where its prices come from. The same prices are used here, and the one thing that is missing is added: every request
reserves its worst price before it is sent.
"""
