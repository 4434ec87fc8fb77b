#include "check.h"
#define SIZES(X) X(1) X(2) X(3) X(4) X(5) X(7) X(8) X(9) X(12) X(15) X(16) X(17) X(24) X(31) X(40) X(100)
#define DEFINE(n) struct s##n { unsigned char a[n]; }; \
    static struct s##n up##n(int before, struct s##n s, int after) { int i; CHECK(before == 1 && after == 2); for (i = 0; i < n; i++) s.a[i]++; return s; } \
    static void test##n(void) { struct s##n s, t, list[3]; int i; for (i = 0; i < n; i++) s.a[i] = i; t = up##n(1, s, 2); \
        for (i = 0; i < n; i++) CHECK(s.a[i] == i && t.a[i] == i + 1); list[0] = s; list[1] = t; list[2] = up##n(1, list[1], 2); \
        for (i = 0; i < n; i++) CHECK(list[0].a[i] == i && list[1].a[i] == i + 1 && list[2].a[i] == i + 2); CHECK(sizeof s == n); }
SIZES(DEFINE)
struct ii { int a, b; }; struct dd { double a, b; }; struct id { int a; double b; }; struct ff { float a, b, c; }; struct lp { long a; char *b; }; struct mix { char c; short s; float f; };
static struct ii fii(struct ii s) { struct ii r; r.a = s.b; r.b = s.a; return r; }
static struct dd fdd(struct dd s) { struct dd r; r.a = s.b; r.b = s.a; return r; }
static struct id fid(double x, struct id s, int y) { s.a += y; s.b += x; return s; }
static struct ff fff(struct ff s) { s.a *= 2; s.b *= 3; s.c *= 4; return s; }
static struct lp flp(struct lp s) { s.a++; s.b++; return s; }
static struct mix fmix(struct mix s) { s.c++; s.s--; s.f /= 2; return s; }
static double many(int a, struct dd b, struct ii c, double d, struct id e, long f, long g, long h, struct lp i, double j, struct ff k) { return a + b.a + b.b + c.a + c.b + d + e.a + e.b + f + g + h + i.a + j + k.c; }
union u { int i; unsigned char c[8]; double d; }; struct nest { int a; struct { int b; struct ii c[2]; } in; union { int x; float y; }; };
int main(void)
{
#define CALL(n) test##n();
    SIZES(CALL)
    struct ii a = { 1, 2 }; struct dd b = { 1.5, 2.5 }; struct id c = { 3, 4.25 }; struct ff d = { 1, 2, 3 }; struct lp e = { 9, "xyz" }; struct mix f = { 'a', -5, 3 };
    struct nest n = { 1, { 2, { { 3, 4 }, { 5, 6 } } } }, m, *p = &m; union u u; struct ii (*call)(struct ii) = fii;
    a = fii(a); b = fdd(b); c = fid(0.5, c, 4); d = fff(d); e = flp(e); f = fmix(f);
    CHECK(a.a == 2 && a.b == 1 && b.a == 2.5 && b.b == 1.5 && c.a == 7 && c.b == 4.75 && d.a == 2 && d.b == 6 && d.c == 12);
    CHECK(e.a == 10 && *e.b == 'y' && f.c == 'b' && f.s == -6 && f.f == 1.5f && fii(a).a == 1 && call(a).b == 2);
    CHECK(many(1, b, a, 2, c, 3, 4, 5, e, 6, d) == 1 + 4 + 3 + 2 + 11.75 + 12 + 10 + 6 + 12);
    n.x = 77; m = n; CHECK(m.in.c[1].b == 6 && p->in.c[0].a == 3 && m.x == 77 && sizeof n == 28); p->in.c[0] = p->in.c[1]; CHECK(m.in.c[0].b == 6 && n.in.c[0].b == 4);
    *p = *p; CHECK(m.in.c[0].b == 6); u.d = 1.0; CHECK(u.c[7] == 0x3f && u.c[6] == 0xf0 && u.i == 0); CHECK((char *)&p->in.c[1] - (char *)p == 16);
    return 0;
}
