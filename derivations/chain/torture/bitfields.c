#include "check.h"
struct small { unsigned a : 1; int b : 3; unsigned c : 12; int d : 16; };
struct wide { unsigned long long a : 33; long long b : 31; unsigned c : 31; unsigned d : 2; };
struct gaps { unsigned a : 5; unsigned : 0; unsigned b : 7; unsigned char c; int : 3; int d : 5; };
struct bytes { unsigned char a : 3, b : 5, c : 8; short d : 9; };
union both { struct small s; unsigned u; };
static struct small made(int b, int d) { struct small s = { 1, b, 0xabc, d }; return s; }
int main(void)
{
    struct small s, *p = &s; struct wide w; struct gaps g; struct bytes y; union both both; int i;
    CHECK(sizeof(struct small) == 4 && sizeof(struct wide) == 16 && sizeof(struct gaps) == 8 && sizeof(struct bytes) == 4);
    s = made(HIDE(-4), HIDE(-3)); CHECK(s.a == 1 && s.b == -4 && s.c == 0xabc && s.d == -3);
    p->a += 1; p->b -= 1; CHECK(s.a == 0 && s.b == 3 && s.c == 0xabc && s.d == -3);
    p->c = HIDE(0x1fff); CHECK(s.c == 0xfff && s.d == -3 && s.b == 3); p->c++; CHECK(s.c == 0 && s.d == -3);
    CHECK((s.c = HIDE(0x1234)) == 0x234 && (s.b = HIDE(7)) == -1 && s.b-- == -1 && --s.b == -3);
    s.d = HIDE(32768); CHECK(s.d == -32768); s.d ^= -1; CHECK(s.d == 32767 && s.c == 0x234);
    CHECK(s.a - 1 < 0 && -s.c == -0x234 && s.c > -1);
    w.a = 0x1ffffffffULL + ZERO; w.b = -1 + ZERO; w.c = 0x7fffffff; w.d = 2;
    CHECK(w.a == 0x1ffffffffULL && w.b == -1 && w.c == 0x7fffffff && w.d == 2);
    w.a += 2; w.b = 1LL << 29; CHECK(w.a == 1 && w.b == 536870912 && w.d == 2); w.b <<= 1; CHECK(w.b == -(1LL << 30));
    memset(&g, 0, sizeof g); g.a = 31; g.b = 127; g.c = 200; g.d = -16; CHECK(g.a == 31 && g.b == 127 && g.c == 200 && g.d == -16);
    g.b++; g.a &= HIDE(21); CHECK(g.b == 0 && g.a == 21 && g.c == 200);
    y.a = 5; y.b = 17; y.c = 99; y.d = -200; CHECK(y.a == 5 && y.b == 17 && y.c == 99 && y.d == -200);
    both.u = 0; both.s.b = -1; CHECK(both.u == 0xe); both.s.d = 1; CHECK(both.u == 0x1000e); both.u = 0xffff0000u; CHECK(both.s.d == -1 && !both.s.c);
    for (i = 0; i < 40; i++) { s.c = i * 100; s.b = i; CHECK(s.c == (i * 100 & 0xfff) && s.b == (i & 7) - ((i & 4) ? 8 : 0)); }
    return 0;
}
