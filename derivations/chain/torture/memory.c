#include "check.h"
static int table[3][4] = { { 1, 2, 3, 4 }, { 5, 6 }, { 9 } };
static const char *names[] = { "zero", "one", "two" }; static char text[] = "a\0b", exact[3] = "xyz";
static struct point { int x, y; const char *name; int (*call)(int); } points[] = { { 1, 2, "p" }, { .y = 5, .name = "q" }, { 7 } };
static int twice(int n) { return 2 * n; }
static int (*calls[])(int) = { twice, 0, &twice }; static int *inside = &table[1][1]; static char *end = text + 2; static long distance = sizeof table / sizeof *table;
static int sum(int (*rows)[4], int n) { int s = 0, i, j; for (i = 0; i < n; i++) for (j = 0; j < 4; j++) s += rows[i][j]; return s; }
static int order(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void)
{
    unsigned char raw[64]; int i, j, local[10] = { 1, 2, [5] = 9, 10 }, *p, **pp = &p; unsigned long long v; int list[50]; char chars[8] = "abc", *words = "long" " " "text"; double d;
    for (i = 0; i < 64; i++) raw[i] = i;
    for (i = 1; i < 9; i++) { CHECK(*(unsigned short *)(raw + i) == i + ((i + 1) << 8)); CHECK(*(int *)(raw + i) == i * 0x01010101 + 0x03020100); v = *(unsigned long long *)(raw + i); CHECK(v == i * 0x0101010101010101ULL + 0x0706050403020100ULL); }
    *(double *)(raw + 3) = 1.5; d = *(double *)(raw + 3); CHECK(d == 1.5 && raw[10] == 0x3f && raw[11] == 11 && raw[2] == 2);
    *(int *)(raw + 21) = -2; CHECK(raw[21] == 0xfe && raw[24] == 0xff && raw[25] == 25 && *(short *)(raw + 23) == -1); *(short *)(raw + 31) += 1; CHECK(raw[31] == 32);
    for (i = 0; i < 64; i++) raw[i] = i; memmove(raw + 3, raw, 40); CHECK(raw[3] == 0 && raw[42] == 39 && raw[43] == 43); memmove(raw, raw + 3, 40); CHECK(raw[0] == 0 && raw[39] == 39); memset(raw + 1, 7, 30); CHECK(raw[0] == 0 && raw[30] == 7 && raw[31] == 31);
    CHECK(table[1][1] == 6 && table[1][2] == 0 && table[2][3] == 0 && sum(table, 3) == 30 && *(*(table + 1) + 1) == 6 && &table[2] - table == 2 && sizeof table == 48 && *inside == 6 && inside[-5] == 1);
    CHECK(!strcmp(names[2], "two") && sizeof names == 24 && sizeof text == 4 && end[0] == 'b' && exact[2] == 'z' && sizeof exact == 3 && distance == 3 && !strcmp(words, "long text"));
    CHECK(points[1].x == 0 && points[1].y == 5 && !points[0].call && sizeof points / sizeof *points == 3 && points[2].x == 7 && !points[2].name && calls[0](4) == 8 && (*calls[2])(5) == 10 && !calls[1]);
    CHECK(local[1] == 2 && local[4] == 0 && local[5] == 9 && local[6] == 10 && local[9] == 0 && chars[2] == 'c' && chars[7] == 0);
    p = local + 5; CHECK(**pp == 9 && p > local && &local[10] - p == 5 && (char *)p - (char *)local == 20 && p == &local[5] && !(p < local)); (*pp)++; CHECK(*p == 10);
    for (i = 0; i < 50; i++) list[i] = i * 37 % 50; qsort(list, 50, 4, order); for (i = 0; i < 50; i++) CHECK(list[i] == i);
    { char *all[100]; for (i = 0; i < 100; i++) { all[i] = malloc(i * 50 + 1); memset(all[i], i, i * 50 + 1); } for (i = 0; i < 100; i += 2) free(all[i]); for (i = 1; i < 100; i += 2) { all[i] = realloc(all[i], i * 70 + 9); for (j = 0; j < i * 50 + 1; j++) CHECK(all[i][j] == i); free(all[i]); } }
    { struct point q = { 3, 4 }, *r = (struct point[]){ { 1, 1 }, { 8, 9 } }; q = r[1]; CHECK(q.y == 9 && ((struct point){ .x = 6 }).x == 6); }
    return 0;
}
