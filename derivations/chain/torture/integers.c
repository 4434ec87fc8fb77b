#include "check.h"
#include <limits.h>
static int is_unsigned_int(void) { unsigned u = 1; int i = -2; return u + i > 0; }
static int kind_short(void) { unsigned short s = 1; int i = -2; return s + i < 0; }
int main(void)
{
    signed char c = HIDE(-128); unsigned char uc = HIDE(255); short s = HIDE(-32768);
    unsigned short us = HIDE(65535); int i = HIDE(INT_MIN); unsigned u = HIDE(UINT_MAX);
    long l = HIDE(LONG_MIN); unsigned long ul = HIDE(ULONG_MAX); long long ll = HIDE(LLONG_MAX);
    int n = HIDE(5), m = HIDE(33);
    CHECK(sizeof(char) == 1 && sizeof(short) == 2 && sizeof(int) == 4 && sizeof(long) == 8);
    CHECK(sizeof(long long) == 8 && sizeof(void *) == 8 && sizeof(1L << 2) == 8 && sizeof('a') == (CXX ? 1 : 4));
    CHECK(sizeof(c + c) == 4 && sizeof(c + l) == 8 && sizeof(s ? c : s) == 4);
    CHECK(c == -128 && (unsigned char)c == 128 && (unsigned)c == 0xffffff80u);
    CHECK((signed char)uc == -1 && (short)us == -1 && (int)u == -1 && (long)ul == -1);
    CHECK(-c == 128 && -s == 32768 && (short)(s - 1) == 32767 && (signed char)(c - 1) == 127);
    CHECK(uc + 1 == 256 && (unsigned char)(uc + 1) == 0 && us + 1 == 65536 && u + 1 == 0 && ul + 1 == 0);
    CHECK(is_unsigned_int() && kind_short());
    CHECK((c < uc) && (s < us) && !(-1 + n - n < u - u) && (-1L + n - n < (long)u));
    CHECK((long)i == -2147483648L && (unsigned long)i == 0xffffffff80000000UL && (long)u == 4294967295L);
    CHECK((long long)c == -128 && (unsigned long long)us == 65535);
    CHECK(l == (-9223372036854775807L - 1) && (unsigned long)l == 0x8000000000000000UL);
    CHECK(HIDE(7) / 2 == 3 && HIDE(-7) / 2 == -3 && HIDE(-7) % 2 == -1 && HIDE(7) % -2 == 1);
    CHECK((HIDE(-7) >> 1) == -4 && (HIDE(0xfffffff9u) >> 1) == 0x7ffffffc && (l >> 63) == -1);
    CHECK((1L << m) == 8589934592L && (ul >> m) == 0x7fffffff && (1u << (m - 2)) == 0x80000000u);
    CHECK(ul / 10 == 1844674407370955161UL && ul % 10 == 5 && ul / 0x100000001UL == 0xffffffffUL);
    CHECK(ll / -3 == -3074457345618258602LL && ll % 1000 == 807 && l / 7 == -1317624576693539401L);
    CHECK(u * u == 1 && (unsigned long)u * u == 0xfffffffe00000001UL && (long)HIDE(65536) * 65536 == 1L << 32);
    CHECK((u & 0xff00) == 0xff00 && (~n) == -6 && (n ^ -1) == -6 && (n | 8) == 13 && !n == 0 && !!m == 1);
    CHECK(0x7fffffff + 0u + HIDE(1) == 0x80000000u && 4294967296 > 0 && sizeof 4294967295 == 8);
    CHECK(sizeof 0xffffffff == 4 && sizeof 2147483648 == 8 && 0xffffffff > 0 && -2147483648 < 0);
    CHECK('\377' == -1 && L'\377' == 255 && '\x41' == 'A' && '\101' == 'A');
    s = 0x1234; s <<= 4; CHECK(s == 0x2340); s = 0x7fff; s++; CHECK(s == -32768);
    uc = 250; uc += 10; CHECK(uc == 4); uc -= 5; CHECK(uc == 255); c = 127; c++; CHECK(c == -128);
    us = 3; us *= 30000; CHECK(us == 24464); i = 10; i -= 3L; i *= 2.5; CHECK(i == 17);
    ll = -1; ll = (unsigned)ll; CHECK(ll == 4294967295LL); ll = (int)0x80000000u; CHECK(ll == -2147483648LL);
    ul = 1; ul = -ul; CHECK(ul == ULONG_MAX); ul = (unsigned char)-1; CHECK(ul == 255);
    CHECK((unsigned char)HIDE(300) == 44 && (signed char)HIDE(200) == -56 && (short)HIDE(70000) == 4464);
    return 0;
}
