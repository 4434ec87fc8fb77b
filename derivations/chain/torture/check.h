/* Each program ends with 0, or with the line of the first check that does not hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define CHECK(x) do { if (!(x)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #x); exit(1); } } while (0)
/* All C programs but memory.c are C++ as well, where they do not say CXX. */
#ifdef __cplusplus
#define CXX 1
#define _Bool bool
#else
#define CXX 0
#endif
/* Values that no compiler can know while it compiles. */
static volatile int zero_ = 0;
#define ZERO zero_
#define HIDE(x) ((x) + ZERO)
static unsigned long long bits(double d) { unsigned long long u; memcpy(&u, &d, 8); return u; }
static unsigned fbits(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
static void unused_(void) { (void)bits(0); (void)fbits(0); (void)unused_; }
