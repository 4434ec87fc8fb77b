#include "check.h"
static int calls;
static int say(int value) { calls = calls * 10 + value; return value; }
static int one(void) { return say(1); }
static int none(void) { say(2); return 0; }
static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static int ackermann(int m, int n) { return !m ? n + 1 : !n ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1)); }
static int counter(void) { static int n = 40; return ++n; }
static int narrow(signed char c, unsigned short s, _Bool b) { return c + s + b; }
int main(void)
{
    int a = HIDE(3), b = HIDE(4), *p = &a, list[5] = { 1, 2, 3, 4, 5 }, i = 0; long n; double d;
    CHECK((none() && one()) == 0 && calls == 2); calls = 0;
    CHECK((one() || none()) == 1 && calls == 1); calls = 0;
    CHECK((none() || one()) && calls == 21); calls = 0;
    CHECK((a ? one() : none()) && calls == 1); calls = 0;
    CHECK((one(), none(), b) == 4 && calls == 12);
    CHECK(a + b * 2 - 10 / 5 % 3 == 9 && (a + b) * 2 == 14 && a - b - 1 == -2 && 1 << 2 + 1 == 8);
    CHECK((a & b == 4) == 1 && (a | 1 ^ 1) == 3 && -a + +b == 1 && !a + !0 == 1 && ~a + 1 == -3);
    CHECK(a < b == 1 && (a > b) == 0 && a <= 3 && b >= 4 && a != b);
    CHECK(list[i++] == 1 && i == 1 && list[++i] == 3 && i == 2 && list[i--] == 3 && list[--i] == 1);
    i = 1; list[i] += 10; CHECK(list[1] == 12); list[i] <<= 2; list[i] |= 1; list[i] ^= 3; CHECK(list[1] == 50);
    list[1] %= 7; CHECK(list[1] == 1); list[1] -= 5; list[1] >>= 1; CHECK(list[1] == -2);
    CHECK((a = b = 9) == 9 && *p == 9 && (*p)++ == 9 && a == 10 && ++*p == 11);
    p = list; CHECK(*p++ == 1 && *p == -2 && *++p == 3 && p[-1] == -2 && p - list == 2 && 2[list] == 3);
    CHECK(sizeof(a ? 1 : 1.0) == 8 && (a ? 1 : 2.5) / 2 == 0.5 && sizeof(a ? 1 : 1L) == 8);
    n = (a = 1, b = 2, a + b); CHECK(n == 3); d = a / b + a / (double)b; CHECK(d == 0.5);
    CHECK(fib(20) == 6765 && ackermann(2, 5) == 13 && counter() == 41 && counter() == 42);
    CHECK(narrow(HIDE(511), HIDE(65537), HIDE(256)) == 1);
    { int a = 7; { int a = 8; CHECK(a == 8); } CHECK(a == 7); }
    for (i = 0, n = 0; i < 100; i++) { if (i % 3) continue; if (i > 50) break; n += i; } CHECK(n == 408);
    i = 0; do i += 7; while (i < 50); CHECK(i == 56); while (i-- > 10); CHECK(i == 9);
    n = 0; again: if (++n < 5) goto again; CHECK(n == 5);
    CHECK((_Bool)0.5 == 1 && (_Bool)HIDE(256) == 1 && (int)sizeof(_Bool) == 1);
    return 0;
}
