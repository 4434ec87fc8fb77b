#include "check.h"
#include <stdarg.h>
static long sum(int n, ...) { va_list ap; long s = 0; va_start(ap, n); while (n--) s = s * 3 + va_arg(ap, int); va_end(ap); return s; }
static double dsum(int n, ...) { va_list ap; double s = 0; va_start(ap, n); while (n--) s = s * 2 + va_arg(ap, double); va_end(ap); return s; }
static double by(const char *form, va_list ap)
{
    double s = 0;
    for (; *form; form++)
        switch (*form) {
        case 'i': s += va_arg(ap, int); break;
        case 'l': s += va_arg(ap, long); break;
        case 'u': s += va_arg(ap, unsigned); break;
        case 'd': s += va_arg(ap, double); break;
        case 'e': s += va_arg(ap, long double); break;
        case 's': s += strlen(va_arg(ap, char *)); break;
        }
    return s;
}
static double mixed(int a, double b, const char *form, ...) { va_list ap, two; double s, t; va_start(ap, form); va_copy(two, ap); s = by(form, ap); t = by(form, two); va_end(two); va_end(ap); CHECK(s == t); return a + b + s; }
static void text(char *out, const char *form, ...) { va_list ap; va_start(ap, form); vsprintf(out, form, ap); va_end(ap); }
int main(void)
{
    char out[200]; signed char c = -3; short s = 7; float f = 1.5f;
    CHECK(sum(0) == 0 && sum(1, 5) == 5 && sum(8, 1, 0, 0, 0, 0, 0, 0, 0) == 2187 && sum(12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12) == 398574);
    CHECK(dsum(10, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5) == 512.5 && sum(3, c, s, 'a') == 91 && dsum(2, f, f) == 4.5);
    CHECK(mixed(1, 2, "idldusidi", -1, 0.5, 1L << 40, 0.25, 4000000000u, "four", 9, 2.0, 3) == 3 - 1 + .5 + 1099511627776. + .25 + 4e9 + 4 + 9 + 2 + 3);
    CHECK(mixed(0, 0, "ddddddddddiiiiiii", 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 1, 2, 3, 4, 5, 6, 7) == 83);
    CHECK(mixed(0, 0, "ieie", 1, 2.0L, 3, 4.5L) == 10.5);
    text(out, "%d %u %ld %lx %c %s %.3f %g %e %5d|%-5d|%05d %p", -1, 3000000000u, -5000000000L, 0xfedcba9876543210UL, 'x', "str", 3.14159, 1e10, 12345.678, 42, 42, 42, (void *)0x10);
    CHECK(!strcmp(out, "-1 3000000000 -5000000000 fedcba9876543210 x str 3.142 1e+10 1.234568e+04    42|42   |00042 0x10"));
    text(out, "%lld %hhd %hd %o %#x %+d % d %.0f %.10g %Lg", 1LL << 62, 300, 70000, 8, 255, 5, 5, 2.5, 0.1, 1.25L);
    CHECK(!strcmp(out, "4611686018427387904 44 4464 10 0xff +5  5 2 0.1 1.25"));
    return 0;
}
