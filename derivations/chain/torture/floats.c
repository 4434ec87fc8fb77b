#include "check.h"
static unsigned long long ld(long double x, int *high) { unsigned long long m; unsigned short h; memcpy(&m, &x, 8); memcpy(&h, (char *)&x + 8, 2); *high = h; return m; }
int main(void)
{
    volatile double a = 0.1, b = 0.2, z = 0, big = 1e308, t; volatile float f = 0.1f, g = 3; volatile long double x = 1, y = 3; double nan, inf; int h;
    CHECK(bits(a) == 0x3fb999999999999aULL && bits(a + b) == 0x3fd3333333333334ULL && bits(1 / (a + 2.9)) == bits(1 / 3.0));
    CHECK(bits(a * b) == 0x3f947ae147ae147cULL && bits(a - b) == 0xbfb999999999999aULL && bits(b / a) == 0x4000000000000000ULL);
    CHECK(fbits(f) == 0x3dcccccd && fbits(1 / g) == 0x3eaaaaab && fbits(f * f) == 0x3c23d70b && fbits(f + g) == 0x40466666);
    CHECK(bits(f) == 0x3fb99999a0000000ULL && fbits((float)a) == 0x3dcccccd && fbits(16777217) == 0x4b800000);
    CHECK((int)HIDE(3) == 3 && (int)2.9 == 2 && (int)(z - 2.9) == -2 && (long)(big / 1e290) == 1000000000000000000L);
    CHECK((unsigned)(z + 4294967295.0) == 4294967295u && (unsigned long)(z + 1e19) == 10000000000000000000UL && (unsigned char)(z + 200.7) == 200);
    CHECK((double)(18446744073709551615UL + ZERO) == 18446744073709551616.0 && bits((double)(9223372036854775807L + ZERO)) == 0x43e0000000000000ULL);
    CHECK(bits((double)(0xfffffffffffff401UL + ZERO)) == 0x43efffffffffffffULL);
    CHECK((float)(unsigned)HIDE(-1) == 4294967296.0f && (double)HIDE(-5) == -5 && (float)(HIDE(-7)) / 2 == -3.5f);
    inf = big * 10; nan = inf - inf; t = -z;
    CHECK(bits(inf) == 0x7ff0000000000000ULL && inf > big && -inf < big && bits(t) == 0x8000000000000000ULL && t == 0 && 1 / t < 0);
    CHECK(nan != nan && !(nan == nan) && !(nan < 1) && !(nan > 1) && !(nan <= nan) && !(nan >= nan) && !!nan && (nan < 1 || nan >= 1 ? 0 : 1));
    CHECK(0x1p-1074 + z > 0 && bits(0x1p-1074) == 1 && bits(0x1.fffffffffffffp1023) == 0x7fefffffffffffffULL && bits(0x1.8p1) == 0x4008000000000000ULL);
    CHECK(bits(1e23) == 0x44b52d02c7e14af6ULL && bits(4.9e-324) == 1 && bits(2.2250738585072014e-308) == 0x0010000000000000ULL && bits(123456789.125) == 0x419d6f3454800000ULL);
    CHECK(bits(9007199254740993.0) == 0x4340000000000000ULL && bits(1.7976931348623157e308) == 0x7fefffffffffffffULL);
    CHECK(sizeof x == 16 && ld(x / y, &h) == 0xaaaaaaaaaaaaaaabULL && h == 0x3ffd && ld(x + 0x1p-63L, &h) == 0x8000000000000001ULL && h == 0x3fff);
    CHECK(ld(-y, &h) == 0xc000000000000000ULL && h == 0xc000 && (double)(x / y) == 1 / 3.0 && (long)(y * 1e18L) == 3000000000000000000L);
    CHECK(ld((long double)(0xffffffffffffffffUL + ZERO), &h) == 0xffffffffffffffffULL && h == 0x403e && (unsigned long)(x * 1.8e19L) == 18000000000000000000UL);
    CHECK(strtod("0.1", 0) == 0.1 && strtod("1e23", 0) == 1e23 && strtod("0x1.8p3", 0) == 12 && strtof("0.1", 0) == 0.1f && atof("-2.5e-3") == -0.0025);
    t = 1; { int i; for (i = 0; i < 60; i++) t = t / 3 + 0.7; } CHECK(bits(t) == 0x3ff0ccccccccccccULL);
    t = 0; { int i; for (i = 1; i <= 1000; i++) t += 1.0 / i; } CHECK(bits(t) == 0x401df11f45f4e618ULL);
    CHECK((a < b) + (a > b) * 2 + (a == a) * 4 == 5 && (a ? 1 : 0) && !z && (f < a + 1e-6) && -a < 0 && !(a != a));
    { double d = 5; d++; d += 2; d *= 0.5; d -= 1; d /= 4; CHECK(d == 0.75 && d-- == 0.75 && d == -0.25); }
    { int i = 7; i += 0.6; CHECK(i == 7); i *= 1.5f; CHECK(i == 10); i /= 0.3; CHECK(i == 33); }
    return 0;
}
