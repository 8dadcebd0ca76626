// Prints what it is sent in capitals, and what it was asked.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

int main(void) {
  int c = getchar();
  if (c == EOF) {
    fprintf(stderr, "nothing to shout\n");
    return 1;
  }
  printf("Status: 201 Created\nContent-Type: text/plain\nX-Path: %s\n\n", variable("PATH_INFO"));
  printf("%s %s: ", variable("REQUEST_METHOD"), variable("QUERY_STRING"));
  for (; c != EOF; c = getchar()) putchar(toupper(c));
}
