"""From a compiler of 290 KB up to gcc, each link built by those before it and by nothing else.

| link | built by | what it adds |
| --- | --- | --- |
| `chain0.musl`, `chain0.tcc` | the seed's tcc, a shell | a static tcc on a C library of its own |
| `chain.musl`, `chain.tcc` | `chain0.tcc` | the same bytes again: the fixpoint |
| `chain.make` | `chain.tcc`, the seed's userland | runs the builds of all later links |
| `chain.binutils` | `chain.tcc` | an assembler and linker; 2.35.2 |
| `chain.gcc3-c` | `chain.tcc` | gcc 3.4.6, C alone: cc1plus by tcc never ends |
| `chain.musl-gcc3` | `chain.gcc3-c` | the C library whole, with complex numbers |
| `chain.gcc3` | `chain.gcc3-c` | gcc 3.4.6 for C and C++98 |
"""

from derivations.chain.links import CHAIN, add_chain

__all__ = ["CHAIN", "add_chain"]
