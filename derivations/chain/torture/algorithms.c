#include "check.h"
static unsigned crc(const char *s) { unsigned c = ~0u; int k; while (*s) { c ^= (unsigned char)*s++; for (k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1; } return ~c; }
static unsigned long long fnv(const char *s) { unsigned long long h = 0xcbf29ce484222325ULL; while (*s) { h ^= (unsigned char)*s++; h *= 0x100000001b3ULL; } return h; }
#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
static void md5(const unsigned char *text, unsigned n, unsigned *h)
{
    static const int r[] = { 7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21 }; unsigned w[16], k[64], a, b, c, d, i, f, g, t; unsigned char block[64] = "";
    /* floor(2^32 * |sin(i + 1)|), by a recurrence of long doubles. */
    long double s = 0.841470984807896506652502321630298999L, co = 0.540302305868139717400936607442976603L, si = s, cn = co, y;
    for (i = 0; i < 64; i++) { y = si < 0 ? -si : si; k[i] = (unsigned)(unsigned long long)(y * 4294967296.0L); y = si * co + cn * s; cn = cn * co - si * s; si = y; }
    memcpy(block, text, n); block[n] = 128; block[56] = n * 8; memcpy(w, block, 64); h[0] = a = 0x67452301; h[1] = b = 0xefcdab89; h[2] = c = 0x98badcfe; h[3] = d = 0x10325476;
    for (i = 0; i < 64; i++) { switch (i / 16) { case 0: f = b & c | ~b & d; g = i; break; case 1: f = d & b | ~d & c; g = (5 * i + 1) % 16; break; case 2: f = b ^ c ^ d; g = (3 * i + 5) % 16; break; default: f = c ^ (b | ~d); g = 7 * i % 16; }
        t = d; d = c; c = b; f = a + f + k[i] + w[g]; b += ROTATE(f, r[i / 16 * 4 + i % 4]); a = t; }
    h[0] += a; h[1] += b; h[2] += c; h[3] += d;
}
static int queens(int n, int row, unsigned cols, unsigned d1, unsigned d2) { int c, s = 0; if (row == n) return 1; for (c = 0; c < n; c++) if (!(cols >> c & 1) && !(d1 >> (row + c) & 1) && !(d2 >> (row - c + n) & 1)) s += queens(n, row + 1, cols | 1u << c, d1 | 1u << (row + c), d2 | 1u << (row - c + n)); return s; }
int main(void)
{
    static char sieve[10001]; int i, j, n = 0; unsigned h[4]; unsigned long long x = 88172645463325252ULL, s = 0; double a[8][8], b[8][8], t = 0;
    CHECK(crc("123456789") == 0xcbf43926u && fnv("hello") == 0xa430d84680aabd0bULL);
    md5((const unsigned char *)"abc", 3, h); CHECK(h[0] == 0x98500190u && h[1] == 0xb04fd23cu && h[2] == 0x7d3f96d6u && h[3] == 0x727fe128u);
    for (i = 2; i <= 10000; i++) if (!sieve[i]) { n++; for (j = i * 2; j <= 10000; j += i) sieve[j] = 1; } CHECK(n == 1229);
    for (i = 0; i < 3; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; } CHECK(x == 3453997556048239312ULL); for (i = 0; i < 100000; i++) s = s * 6364136223846793005ULL + 1442695040888963407ULL; CHECK(s == 4819343172657293600ULL);
    for (i = 0; i < 8; i++) for (j = 0; j < 8; j++) a[i][j] = i == j ? 2 : (i + j) % 3, b[i][j] = i - j; for (i = 0; i < 8; i++) for (j = 0; j < 8; j++) { double c = 0; for (n = 0; n < 8; n++) c += a[i][n] * b[n][j]; t += c * (i + 1); } CHECK(t == 336);
    CHECK(queens(8, 0, 0, 0, 0) == 92 && queens(6, 0, 0, 0, 0) == 4);
    return 0;
}
