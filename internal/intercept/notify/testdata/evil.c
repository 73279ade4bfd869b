/* What must never run. */
int main(void) { return 66; }
