"""From a compiler of 290 KB up to gcc, each link built by those before it and by nothing else.

| link | built by | what it adds |
| --- | --- | --- |
| `chain0.musl`, `chain0.tcc` | the seed's tcc, a shell | a static tcc on a C library of its own |
| `chain0.make` | `chain0.tcc`, the seed's shell | runs builds |
| `chain0.busybox` | the same | a shell and a userland: nothing of the seed is used any more |
| `chain.musl`, `.tcc`, `.make`, `.busybox` | those | the same bytes again: the fixpoint |
| `chain.binutils` | `chain.tcc` | an assembler and linker; 2.35.2 |
| `chain.gcc3-c` | `chain.tcc` | gcc 3.4.6, C alone: cc1plus by tcc never ends |
| `chain.musl-gcc3` | `chain.gcc3-c` | the C library whole, with complex numbers |
| `chain.gcc3` | `chain.gcc3-c` | gcc 3.4.6 for C and C++98 |
| `chain.m4`, `chain.gawk` | `chain.gcc3` | gmp's configure, and the tables of gcc 10's options |
| `chain.gcc10` | `chain.gcc3` | gcc 10.2, for C++ up to C++17 |
| `chain.findutils`, `chain.bash` | `chain.gcc10` | configure scripts of GNU's expect theirs |

`chain.torture-…` are small programs that each compiler compiles rightly before it compiles a link.
`chain1.…` and `chain2.…` are musl and tcc once more, by a tcc that gcc and clang of the other seeds
have compiled: the same bytes as `chain.…`. `chain3.…` are by a tcc that takes `long double` for
`double`, `chain4.…` by that, and `chain5.…` by that in turn: the same bytes again.
"""

from derivations.chain.links import CHAIN, add_chain, add_oracles

__all__ = ["CHAIN", "add_chain", "add_oracles"]
