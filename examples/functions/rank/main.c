// The function rank: the books that match, in an order of the shop's own. The search
// finds them by their words; here a word in the title counts more, and what sells counts
// a little.
#include <stdlib.h>

#include "edgehive/edgehive.h"

enum { CANDIDATES = 50, SHOWN = 10 };

typedef struct {
  const eh_json *row;
  double score;
} ranked;

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool in_word(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80; }

// count is how often a word begins in a text; case does not matter.
static int count(eh_text text, eh_text word) {
  int found = 0;
  for (size_t i = 0; i + word.size <= text.size; i++) {
    if (i > 0 && in_word(lower(text.data[i - 1]))) continue;
    size_t k = 0;
    while (k < word.size && lower(text.data[i + k]) == lower(word.data[k])) k++;
    found += k == word.size;
  }
  return found;
}

// magnitude grows by one each time that a number doubles.
static int magnitude(int64_t number) {
  int doubled = 0;
  for (; number > 0; number >>= 1) doubled++;
  return doubled;
}

// score sums what the words of the query are worth in a row.
static double score(const eh_json *row, eh_text query) {
  eh_text title = eh_string(eh_member(row, "title")), about = eh_string(eh_member(row, "about"));
  double sum = 0.5 * magnitude(eh_integer(eh_member(row, "sold"), 0));
  for (size_t at = 0; at < query.size;) {
    size_t end = at;
    while (end < query.size && in_word(lower(query.data[end]))) end++;
    if (end > at) {
      eh_text word = {query.data + at, end - at};
      int in_about = count(about, word);
      sum += 4.0 * (count(title, word) > 0) + 1.0 * (in_about > 3 ? 3 : in_about);
    }
    at = end + 1;
  }
  return sum;
}

static int better(const void *a, const void *b) {
  double left = ((const ranked *)a)->score, right = ((const ranked *)b)->score;
  return left < right ? 1 : left > right ? -1 : 0;
}

static int answer(const eh_json *rows, eh_text query) {
  ranked *list = eh_alloc(rows->count * sizeof *list);
  size_t size = 0;
  for (const eh_json *row = rows->first; row; row = row->next) list[size++] = (ranked){row, score(row, query)};
  qsort(list, size, sizeof *list, better);
  eh_out out = {0};
  eh_array(&out);
  for (size_t i = 0; i < size && i < SHOWN; i++) {
    eh_object(&out);
    eh_name(&out, "id");
    eh_put_json(&out, eh_member(list[i].row, "id"));
    eh_name(&out, "title");
    eh_put_json(&out, eh_member(list[i].row, "title"));
    eh_name(&out, "score");
    eh_put_number(&out, list[i].score);
    eh_object_end(&out);
  }
  eh_array_end(&out);
  return eh_answer_json(200, &out);
}

int eh_handle(const eh_event *event) {
  eh_text query = eh_query_value(event->request.query, "q");
  if (!query.size) return eh_answer_text(400, EH_TEXT("say what to look for: ?q=rivers\n"));
  eh_out search = {0};
  eh_append(&search, EH_TEXT("_search=words&select=id,title,about,sold"));
  eh_where(&search, "stock", "gt", EH_TEXT("0"));
  eh_limit(&search, CANDIDATES);
  eh_parameter(&search, "_text", query);
  eh_result found = eh_select("books", &search);
  if (!found.ok) {
    // What does not parse is the caller's; the rest is not his to know.
    if (eh_is(found.fault.code, "42601")) return eh_answer_text(400, eh_format("%s\n", found.fault.message.data));
    return eh_fail(found.fault.message);
  }
  const eh_json *rows = eh_parse(found.body);
  return rows ? answer(rows, query) : eh_fail(EH_TEXT("the rows are not JSON"));
}
