#include "check.h"
static int dense(int n) { switch (n) { case 0: return 10; case 1: return 11; case 2: return 12; case 3: return 13; case 4: return 14; case 5: return 15; case 6: return 16; case 7: return 17; case 9: return 19; case 10: return 20; } return -1; }
static int sparse(long n) { switch (n) { case -5000000000L: return 1; case -1: return 2; case 0: return 3; case 1000: return 4; case 2147483648L: return 5; case 1L << 40: return 6; default: return 7; } }
static int fall(unsigned n) { int r = 0; switch (n) { case 1: r += 1; case 2: r += 2; break; default: r += 4; case 0xffffffffu: r += 8; break; case 7: { int x = 16; r += x; } } return r; }
static int chars(char c) { switch (c) { case 'a': case 'e': case 'i': case 'o': case 'u': return 1; case '\377': return 2; case '0' ... '9': return 3; } return 0; }
static int range(int n) { switch (n) { case -100 ... -10: return 1; case 5 ... 6: return 2; case 100 ... 2000000000: return 3; } return 0; }
static void duff(char *to, const char *from, int n) { int k = (n + 7) / 8; switch (n % 8) { case 0: do { *to++ = *from++; case 7: *to++ = *from++; case 6: *to++ = *from++; case 5: *to++ = *from++; case 4: *to++ = *from++; case 3: *to++ = *from++; case 2: *to++ = *from++; case 1: *to++ = *from++; } while (--k > 0); } }
static int nested(int a, int b) { switch (a) { case 1: switch (b) { case 1: return 11; default: break; } break; case 2: while (1) { if (b++ > 5) break; } return b; } return 0; }
enum e { RED = -1, GREEN, BLUE = 70000 };
static int colour(enum e e) { switch (e) { case RED: return 1; case GREEN: return 2; case BLUE: return 3; } return 0; }
int main(void)
{
    int i; char to[40] = "", from[] = "abcdefghijklmnopqrstuvwxyz";
    for (i = -3; i < 14; i++) CHECK(dense(i) == ((i >= 0 && i <= 10 && i != 8) ? 10 + i : -1));
    CHECK(sparse(-5000000000L) == 1 && sparse(-1) == 2 && sparse(0) == 3 && sparse(1000) == 4 && sparse(2147483648L) == 5 && sparse(1L << 40) == 6 && sparse(-2147483648L) == 7 && sparse((1L << 40) + 1) == 7 && sparse(705032704) == 7);
    CHECK(fall(1) == 3 && fall(2) == 2 && fall(3) == 12 && fall(-1) == 8 && fall(7) == 16);
    CHECK(chars('a') && !chars('b') && chars('\377') == 2 && chars('0') == 3 && chars('9') == 3 && chars(':') == 0 && chars('/') == 0);
    CHECK(range(-101) == 0 && range(-100) == 1 && range(-10) == 1 && range(-9) == 0 && range(5) == 2 && range(7) == 0 && range(99) == 0 && range(2000000000) == 3 && range(2000000001) == 0);
    for (i = 1; i < 26; i++) { memset(to, 0, sizeof to); duff(to, from, i); CHECK(!strncmp(to, from, i) && !to[i]); }
    CHECK(nested(1, 1) == 11 && nested(1, 2) == 0 && nested(2, 0) == 7 && colour(BLUE) == 3 && colour(RED) == 1 && colour(GREEN) == 2);
    return 0;
}
