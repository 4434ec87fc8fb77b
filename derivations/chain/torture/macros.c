#include "check.h"
#define CAT(a, b) a##b
#define CAT2(a, b) CAT(a, b)
#define STR(x) #x
#define STR2(x) STR(x)
#define N 42
#define EMPTY
#define VAR(form, ...) sprintf(out, form, ##__VA_ARGS__)
#define ARGS(...) #__VA_ARGS__
#define SELF (SELF + 1)
#define f(x) x + f(x)
#define LATER later EMPTY ()
#define TABLE X(one, 1) X(two, 2) X(three, 3)
#define X(name, n) name = n,
enum { TABLE END };
#undef X
#define X(name, n) #name,
static const char *names[] = { TABLE };
#if (1 ? -1 : 0u) > 0 && 0xffffffffffffffff > 0 && -1 >> 1 == -1 && defined N && !defined(M) && N == 42
#define RIGHT 1
#elif 1
#define RIGHT 2
#endif
#if 0
#error "not to be read"
#else
#ifdef M
#error
#endif
#endif
static int SELF_ = 3; static int later(void) { return 9; }
int main(void)
{
    char out[100]; int SELF2 = 5, ab = 7, N1 = 8;
    CHECK(CAT(a, b) == 7 && CAT2(N, 1) == 421 && CAT(N, 1) == 8 && !strcmp(STR(N), "N") && !strcmp(STR2(N), "42") && RIGHT == 1);
    CHECK(!strcmp(STR(a  +  "b\n" 'c'), "a + \"b\\n\" 'c'") && !strcmp(ARGS(1, (2, 3), x), "1, (2, 3), x") && !strcmp(STR2(f(f(1))), "f(1) + f(f(1))" + 0) + 1);
    VAR("none"); CHECK(!strcmp(out, "none")); VAR("%d-%d", 1, 2); CHECK(!strcmp(out, "1-2"));
    CHECK(three == 3 && END == 4 && !strcmp(names[2], "three") && LATER == 9 && CAT(SELF, 2) == 5 && CAT(SELF, _) == 3 && N1 == 8 && SELF2 && ab && SELF_);
    CHECK(__LINE__ == 39 && !strcmp(STR2(__LINE__), "39") && sizeof __FILE__ > 5 && __STDC__ == 1);
    CHECK("ab" "c"[0] == 'a' && sizeof("a" "b") == 3 && '\\' == 92 && "\x41\102\t"[1] == 'B' && 1 /* c */ + /**/ 1 == 2); // end
#line 500 "other.c"
    CHECK(__LINE__ == 500 && !strcmp(__FILE__, "other.c")); CHECK(1 \
        + 1 == 2);
    return 0;
}
