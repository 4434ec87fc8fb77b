"""From a compiler of 290 KB up to gcc, each link built by those before it and by nothing else.

| link | built by | what it adds |
| --- | --- | --- |
| `chain0.musl`, `chain0.tcc` | the seed's tcc, a shell | a static tcc on a C library of its own |
| `chain.musl`, `chain.tcc` | `chain0.tcc` | the same bytes again: the fixpoint |
| `chain.make` | `chain.tcc`, the seed's userland | runs the builds of all later links |
"""

from derivations.chain.links import CHAIN, add_chain

__all__ = ["CHAIN", "add_chain"]
