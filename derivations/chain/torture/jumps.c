#include "check.h"
#include <setjmp.h>
static jmp_buf top, inner; static int depth;
static void down(int n) { volatile char room[100]; room[n] = n; if (!n) longjmp(top, 5); depth++; down(n - 1); room[0] = 1; }
static int again(void) { volatile int n = 0; if (setjmp(inner) < 4) { n++; longjmp(inner, n); } return n; }
static double held(double a, long b) { volatile double x = a * 2; volatile long y = b + 1; jmp_buf here; if (!setjmp(here)) { x += 1; y += 1; longjmp(here, 1); } return x + y; }
static int compare(const void *a, const void *b) { if (*(int *)a == 13) longjmp(top, 7); return *(int *)a - *(int *)b; }
int main(void)
{
    int list[] = { 4, 2, 13, 1 }, n; volatile int times = 0;
    n = setjmp(top); times++;
    if (n == 0) down(50); else if (n == 5) { CHECK(depth == 50 && times == 2); qsort(list, 4, sizeof *list, compare); CHECK(0); }
    CHECK(n == 7 && times == 3 && again() == 4 && held(1.5, 10) == 16);
    if (!(n = setjmp(top))) longjmp(top, 0); CHECK(n == 1);
    { static void *labels[] = { &&a, &&b, &&c }; int i = 0, s = 0; goto *labels[i]; a: s += 1; i = 2; goto *labels[i]; b: s += 10; goto out; c: s += 100; i = 1; goto *labels[i]; out: CHECK(s == 111); }
    return 0;
}
