#!/bin/bash
# A small C project: its programs are made, not run (they are drift).
mkdir /tmp/p && cd /tmp/p || exit 1
for i in $(seq 12); do printf '#include <stdio.h>\nint f%d(int x) { return x * %d; }\n' $i $i > f$i.c; done
{ for i in $(seq 12); do echo "int f$i(int);"; done; echo 'int main(void) { return f1(1); }'; } > main.c
printf 'OBJ = $(patsubst %%.c,%%.o,$(wildcard *.c))\nall: prog libf.so libf.a\nprog: $(OBJ)\n\tgcc -o $@ $^\nlibf.so: $(filter-out main.o,$(OBJ))\n\tgcc -shared -o $@ $^\nlibf.a: $(filter-out main.o,$(OBJ))\n\tar rcs $@ $^\n%%.o: %%.c\n\tgcc -O2 -fPIC -c -o $@ $<\n' > Makefile
make -s -j 4; echo "make $?"
nm -D libf.so | grep -c ' T f'; ar t libf.a | wc -l; objdump -d prog | grep -c '<main>:'; strip prog; size prog | wc -l
make -s; echo "again $?"
printf 'int main(void) { return x; }' > bad.c; gcc -c bad.c 2>&1 | grep -c error; echo "bad ${PIPESTATUS[0]}"
printf '#define A(x) x+x\nA(1)\n' | cpp -P -
exit 31
