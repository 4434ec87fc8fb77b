#include "check.h"
#include <algorithm>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>
/* Bit-fields that are narrower than int are int in expressions, and of their own type otherwise. */
enum kind { NONE, COPY, SPLIT };
struct fields { void *one, *two; unsigned offset; unsigned base : 16, before : 16; kind op : 2; unsigned flag : 1, index : 2; unsigned long wide : 10, word : 32, more : 40; bool yes : 1; signed low : 4; };
static int greatest(const fields *all, unsigned count) { int found = -1; for (unsigned i = 0; i < count; i++) if (all[i].op == COPY && found < all[i].base) found = all[i].base; return found; }
static int chosen(unsigned) { return 1; } static int chosen(int) { return 2; } static int chosen(long) { return 3; } static int chosen(unsigned long) { return 4; }
template <class T> static bool below(T a, T b) { return a < b; }
template <class T> static bool negative(T field) { return -field < 0; }
struct base { static int alive; int number; base(int n) : number(n) { alive++; } base(const base &other) : number(other.number) { alive++; } virtual ~base() { alive--; } virtual int get() const { return number; } };
int base::alive = 0;
struct other { long pad; other() : pad(7) {} virtual ~other() {} virtual long own() { return pad; } };
struct derived : other, virtual base { derived(int n) : base(n) {} int get() const { return number * 2; } long own() { return pad + number; } };
struct most : derived { most() : base(5), derived(9) {} };
static int order = 0; struct first { int at; first() : at(order++) {} } one, two;
static int made(base b) { return b.get(); }
static int deep(int n) { base local(n); if (!n) throw std::runtime_error("deep"); return deep(n - 1) + local.number; }
struct closes { int &count; closes(int &c) : count(c) {} ~closes() { count++; } };
struct set { unsigned long bits[2]; set(unsigned long a = 0, unsigned long b = 0) { bits[0] = a; bits[1] = b; } set operator|(const set &o) const { return set(bits[0] | o.bits[0], bits[1] | o.bits[1]); } set operator~() const { return set(~bits[0], ~bits[1]); } bool operator==(const set &o) const { return bits[0] == o.bits[0] && bits[1] == o.bits[1]; } };
int main()
{
    fields f[3]; memset(f, 0, sizeof f); f[0].op = COPY; f[0].base = HIDE(1); f[1].op = COPY; f[1].base = HIDE(2); f[2].op = SPLIT; f[2].base = HIDE(9); f->wide = HIDE(3); f->word = HIDE(1) - 2; f->more = HIDE(3); f->index = HIDE(1); f->low = HIDE(-3); f->yes = HIDE(1);
    CHECK(greatest(f, 3) == 2 && greatest(f + 2, 1) == -1 && greatest(f, 0) == -1);
    CHECK(HIDE(-1) < f->base && -f->base < 0 && ~f->base < 0 && f->index - 3 < 0 && f->wide - 4 < 0 && HIDE(-1) < f->wide && (f->base ^ -1) < 0 && (f->base << 1) - 3 < 0);
    CHECK(!(f->word - HIDE(2) < 0) && f->word + 1u == 0 && f->more - 4 > 0 && f->low + 2 < 0 && f->yes - 2 < 0 && f->op - 2 < 0 + (f->op > 0));
    CHECK((ZERO, f->base) - 2 < 0 && (f->index = 2) - 3 < 0 && ++f->index - 4 < 0 && f->index % -5 == 3 && -7 / f->index == -2);
    CHECK(chosen(f->base) == 1 && chosen(+f->base) == 2 && chosen(f->base + 0) == 2 && chosen(f->base + 0u) == 1 && chosen(f->more) == 4 && chosen(f->low) == 2 && negative(3) && !negative(3u) && below<int>(-1, f->base));
    switch (f->index - 4) { case -1: break; default: CHECK(0); }
    { most m; base *b = &m; other *o = &m; CHECK(b->get() == 10 && o->own() == 12 && dynamic_cast<most *>(o) == &m && dynamic_cast<derived *>(b)->number == 5 && made(m) == 5 && (void *)b != (void *)o); CHECK(base::alive == 1); int (base::*get)() const = &base::get; int base::*number = &base::number; CHECK((b->*get)() == 10 && m.*number == 5); }
    CHECK(base::alive == 0 && one.at == 0 && two.at == 1 && order == 2);
    { bool caught = false; try { deep(HIDE(20)); } catch (const std::exception &e) { caught = !strcmp(e.what(), "deep"); } CHECK(caught && base::alive == 0); }
    { int closed = 0; for (int i = 0; i < 5; i++) { closes c(closed); if (i == 1) continue; if (i == 3) break; try { closes d(closed); if (i) throw i; } catch (int n) { CHECK(n == 2); } } CHECK(closed == 6); }
    { base *b = new base(3); CHECK(base::alive == 1); delete b; base *all = (base *)operator new(3 * sizeof(base)); for (int i = 0; i < 3; i++) new (all + i) base(i); CHECK(all[2].get() == 2 && base::alive == 3); for (int i = 0; i < 3; i++) all[i].~base(); operator delete(all); CHECK(!base::alive); }
    { std::vector<int> v; for (int i = 0; i < 1000; i++) v.push_back(i * 7919 % 1000); std::sort(v.begin(), v.end()); for (int i = 0; i < 1000; i++) CHECK(v[i] == i); CHECK(std::count_if(v.begin(), v.end(), std::bind2nd(std::less<int>(), 10)) == 10); }
    { std::map<std::string, int> m; for (int i = 0; i < 300; i++) m[std::string(i % 30, 'a' + i % 3)] += i; CHECK(m.size() == 30 && m["aaa"] == 1380); std::string s = "one"; s += " two"; s.insert(3, ","); CHECK(s == "one, two" && s.find("two") == 5 && s.substr(5) == "two"); }
    { static const set a(1, HIDE(2)), all[] = { a | set(4) | set(0, 8), ~(a | set(6)) }; CHECK(all[0] == set(5, 10) && all[1] == set(~7UL, ~2UL)); }
    return 0;
}
