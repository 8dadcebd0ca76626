// The kit of functions in C. See edgehive.h.
#include "edgehive.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST(name) __attribute__((import_module("edgehive:host"), import_name(#name)))

HOST(input_size) extern uint32_t host_input_size(uint32_t part);
HOST(input_read) extern uint32_t host_input_read(uint32_t part, uint32_t offset, void *to, uint32_t size);
HOST(output_head) extern uint32_t host_output_head(const void *head, uint32_t size);
HOST(output_write) extern uint32_t host_output_write(const void *data, uint32_t size);
HOST(output_flush) extern uint32_t host_output_flush(void);
HOST(call)
extern uint32_t host_call(const void *op, uint32_t op_size, const void *head, uint32_t head_size, const void *body,
                          uint32_t body_size);
HOST(result_size) extern uint32_t host_result_size(uint32_t part);
HOST(result_read) extern uint32_t host_result_read(uint32_t part, uint32_t offset, void *to, uint32_t size);
HOST(log) extern void host_log(uint32_t level, const void *text, uint32_t size);
HOST(fail) extern void host_fail(const void *text, uint32_t size);
HOST(time) extern int64_t host_time(void);
HOST(random) extern void host_random(void *to, uint32_t size);

// ---- text ---------------------------------------------------------------

void *eh_alloc(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (!memory) {
    eh_fail(EH_TEXT("out of memory"));
    __builtin_trap();
  }
  return memory;
}

eh_text eh_copy(const void *data, size_t size) {
  char *copy = eh_alloc(size + 1);
  if (size) memcpy(copy, data, size);
  return (eh_text){copy, size};
}

eh_text eh_from(const char *string) { return string ? (eh_text){string, strlen(string)} : EH_TEXT(""); }

eh_text eh_format(const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int size = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (size < 0) size = 0;
  char *text = eh_alloc((size_t)size + 1);
  vsnprintf(text, (size_t)size + 1, format, again);
  va_end(again);
  return (eh_text){text, (size_t)size};
}

bool eh_is(eh_text text, const char *string) {
  size_t size = strlen(string);
  return text.size == size && memcmp(text.data, string, size) == 0;
}

bool eh_starts(eh_text text, const char *prefix) {
  size_t size = strlen(prefix);
  return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

eh_text eh_after(eh_text text, size_t size) {
  if (size > text.size) size = text.size;
  return (eh_text){text.data + size, text.size - size};
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

eh_text eh_base64(eh_text bytes) {
  size_t size = (bytes.size + 2) / 3 * 4;
  char *text = eh_alloc(size + 1), *to = text;
  const unsigned char *from = (const unsigned char *)bytes.data;
  for (size_t i = 0; i < bytes.size; i += 3) {
    size_t left = bytes.size - i;
    uint32_t group = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) | (left > 2 ? from[i + 2] : 0u);
    *to++ = alphabet[group >> 18];
    *to++ = alphabet[group >> 12 & 63];
    *to++ = left > 1 ? alphabet[group >> 6 & 63] : '=';
    *to++ = left > 2 ? alphabet[group & 63] : '=';
  }
  return (eh_text){text, size};
}

eh_text eh_unbase64(eh_text text) {
  char *bytes = eh_alloc(text.size / 4 * 3 + 4);
  size_t size = 0;
  uint32_t group = 0;
  int bits = 0;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i] == '-' ? '+' : text.data[i] == '_' ? '/' : text.data[i];
    const char *found = c ? strchr(alphabet, c) : NULL;
    if (!found) break;
    group = group << 6 | (uint32_t)(found - alphabet);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[size++] = (char)(group >> bits & 255);
    }
  }
  return (eh_text){bytes, size};
}

// ---- JSON, read -----------------------------------------------------------

// Values nest no deeper than this, as each level takes some of the stack.
enum { DEEPEST = 128 };

typedef struct {
  const char *at, *end;
  int depth;
} reader;

static eh_json *read_value(reader *r);

static void skip_space(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool take(reader *r, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) return false;
  r->at += size;
  return true;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static int32_t read_unit(reader *r) { // the four digits of \uXXXX, or -1
  if (r->end - r->at < 4) return -1;
  int32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    int digit = hex(*r->at++);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

static char *put_rune(char *to, int32_t rune) {
  if (rune < 0x80) {
    *to++ = (char)rune;
  } else if (rune < 0x800) {
    *to++ = (char)(0xC0 | rune >> 6);
    *to++ = (char)(0x80 | (rune & 63));
  } else if (rune < 0x10000) {
    *to++ = (char)(0xE0 | rune >> 12);
    *to++ = (char)(0x80 | (rune >> 6 & 63));
    *to++ = (char)(0x80 | (rune & 63));
  } else {
    *to++ = (char)(0xF0 | rune >> 18);
    *to++ = (char)(0x80 | (rune >> 12 & 63));
    *to++ = (char)(0x80 | (rune >> 6 & 63));
    *to++ = (char)(0x80 | (rune & 63));
  }
  return to;
}

// read_rune reads what stands behind \u, a pair of surrogates as one; half of a pair
// becomes the replacement character.
static int32_t read_rune(reader *r) {
  int32_t rune = read_unit(r);
  if (rune < 0xD800 || rune > 0xDFFF) return rune;
  if (rune <= 0xDBFF && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
    reader ahead = {r->at + 2, r->end, 0};
    int32_t low = read_unit(&ahead);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      r->at = ahead.at;
      return 0x10000 + ((rune - 0xD800) << 10) + (low - 0xDC00);
    }
  }
  return 0xFFFD;
}

// read_string reads from behind the opening quote. Decoded it is never longer.
static bool read_string(reader *r, eh_text *text) {
  const char *end = r->at;
  while (end < r->end && *end != '"') end += *end == '\\' && r->end - end > 1 ? 2 : 1;
  if (end >= r->end) return false;
  char *start = eh_alloc((size_t)(end - r->at) + 1), *to = start;
  while (*r->at != '"') {
    char c = *r->at++;
    if ((unsigned char)c < 0x20) return false;
    if (c != '\\') {
      *to++ = c;
      continue;
    }
    switch (c = *r->at++) {
    case '"':
    case '\\':
    case '/':
      *to++ = c;
      break;
    case 'b':
      *to++ = '\b';
      break;
    case 'f':
      *to++ = '\f';
      break;
    case 'n':
      *to++ = '\n';
      break;
    case 'r':
      *to++ = '\r';
      break;
    case 't':
      *to++ = '\t';
      break;
    case 'u': {
      int32_t rune = read_rune(r);
      if (rune < 0) return false;
      to = put_rune(to, rune);
      break;
    }
    default:
      return false;
    }
  }
  r->at++;
  *text = (eh_text){start, (size_t)(to - start)};
  return true;
}

static bool digits(reader *r) {
  const char *start = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
  return r->at > start;
}

static bool read_number(reader *r, eh_json *value) {
  const char *start = r->at;
  take(r, "-");
  if (!take(r, "0") && !digits(r)) return false;
  if (take(r, ".") && !digits(r)) return false;
  if (take(r, "e") || take(r, "E")) {
    if (!take(r, "+")) take(r, "-");
    if (!digits(r)) return false;
  }
  value->kind = EH_NUMBER;
  value->text = eh_copy(start, (size_t)(r->at - start));
  return true;
}

// read_list reads the elements of an array, or the members of an object.
static bool read_list(reader *r, eh_json *list, const char *close) {
  const eh_json **last = &list->first;
  skip_space(r);
  if (take(r, close)) return true;
  for (;;) {
    eh_text name = EH_TEXT("");
    if (list->kind == EH_OBJECT) {
      skip_space(r);
      if (!take(r, "\"") || !read_string(r, &name)) return false;
      skip_space(r);
      if (!take(r, ":")) return false;
    }
    eh_json *value = read_value(r);
    if (!value) return false;
    value->name = name;
    *last = value;
    last = &value->next;
    list->count++;
    skip_space(r);
    if (take(r, close)) return true;
    if (!take(r, ",")) return false;
  }
}

static eh_json *read_value(reader *r) {
  eh_json *value = eh_alloc(sizeof *value);
  bool read = false;
  if (++r->depth > DEEPEST) return NULL;
  skip_space(r);
  if (take(r, "{")) {
    value->kind = EH_OBJECT;
    read = read_list(r, value, "}");
  } else if (take(r, "[")) {
    value->kind = EH_ARRAY;
    read = read_list(r, value, "]");
  } else if (take(r, "\"")) {
    value->kind = EH_STRING;
    read = read_string(r, &value->text);
  } else if (take(r, "true")) {
    value->kind = EH_BOOL;
    read = value->truth = true;
  } else if (take(r, "false")) {
    value->kind = EH_BOOL;
    read = true;
  } else if (take(r, "null")) {
    read = true;
  } else {
    read = read_number(r, value);
  }
  r->depth--;
  return read ? value : NULL;
}

const eh_json *eh_parse(eh_text json) {
  reader r = {json.data, json.data + json.size, 0};
  const eh_json *value = read_value(&r);
  skip_space(&r);
  return value && r.at == r.end ? value : NULL;
}

const eh_json *eh_member(const eh_json *value, const char *name) {
  if (!value || value->kind != EH_OBJECT) return NULL;
  for (const eh_json *member = value->first; member; member = member->next) {
    if (eh_is(member->name, name)) return member;
  }
  return NULL;
}

eh_text eh_string(const eh_json *value) { return value && value->kind == EH_STRING ? value->text : EH_TEXT(""); }

int64_t eh_integer(const eh_json *value, int64_t otherwise) {
  if (!value || value->kind != EH_NUMBER) return otherwise;
  const char *at = value->text.data, *end = at + value->text.size;
  bool negative = *at == '-';
  uint64_t sum = 0, most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
  for (at += negative; at < end; at++) {
    if (*at < '0' || *at > '9') return otherwise;
    uint64_t digit = (uint64_t)(*at - '0');
    if (sum > (most - digit) / 10) return otherwise;
    sum = sum * 10 + digit;
  }
  return (int64_t)(negative ? 0 - sum : sum);
}

double eh_number(const eh_json *value, double otherwise) {
  return value && value->kind == EH_NUMBER ? strtod(value->text.data, NULL) : otherwise;
}

bool eh_truth(const eh_json *value) { return value && value->kind == EH_BOOL && value->truth; }

// ---- JSON, written -----------------------------------------------------------

void eh_append(eh_out *out, eh_text raw) {
  if (out->capacity - out->size <= raw.size) { // a zero byte more fits
    out->capacity = (out->capacity + raw.size) * 2 + 64;
    char *data = realloc(out->data, out->capacity);
    if (!data) {
      eh_fail(EH_TEXT("out of memory"));
      __builtin_trap();
    }
    out->data = data;
  }
  if (raw.size) memcpy(out->data + out->size, raw.data, raw.size);
  out->size += raw.size;
  out->data[out->size] = 0;
}

eh_text eh_done(eh_out *out) { return out && out->size ? (eh_text){out->data, out->size} : EH_TEXT(""); }

// separate puts a comma where the value or name that comes next needs one.
static void separate(eh_out *out) {
  if (!out->size) return;
  char last = out->data[out->size - 1];
  if (last != '{' && last != '[' && last != ':') eh_append(out, EH_TEXT(","));
}

static void put_quoted(eh_out *out, eh_text value) {
  static const char digit[] = "0123456789abcdef";
  eh_append(out, EH_TEXT("\""));
  size_t start = 0;
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.data[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    eh_append(out, (eh_text){value.data + start, i - start});
    start = i + 1;
    if (c == '"' || c == '\\') {
      char escape[2] = {'\\', (char)c};
      eh_append(out, (eh_text){escape, 2});
    } else {
      char escape[6] = {'\\', 'u', '0', '0', digit[c >> 4], digit[c & 15]};
      eh_append(out, (eh_text){escape, 6});
    }
  }
  eh_append(out, (eh_text){value.data + start, value.size - start});
  eh_append(out, EH_TEXT("\""));
}

void eh_put_raw(eh_out *out, eh_text json) {
  separate(out);
  eh_append(out, json);
}

void eh_object(eh_out *out) { eh_put_raw(out, EH_TEXT("{")); }
void eh_object_end(eh_out *out) { eh_append(out, EH_TEXT("}")); }
void eh_array(eh_out *out) { eh_put_raw(out, EH_TEXT("[")); }
void eh_array_end(eh_out *out) { eh_append(out, EH_TEXT("]")); }
void eh_put_bool(eh_out *out, bool value) { eh_put_raw(out, value ? EH_TEXT("true") : EH_TEXT("false")); }
void eh_put_null(eh_out *out) { eh_put_raw(out, EH_TEXT("null")); }

static void put_name(eh_out *out, eh_text name) {
  separate(out);
  put_quoted(out, name);
  eh_append(out, EH_TEXT(":"));
}

void eh_name(eh_out *out, const char *name) { put_name(out, eh_from(name)); }

void eh_put_text(eh_out *out, eh_text value) {
  separate(out);
  put_quoted(out, value);
}

static eh_text decimal(int64_t value) {
  char digits[21], *at = digits + sizeof digits;
  uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do *--at = (char)('0' + left % 10);
  while (left /= 10);
  if (value < 0) *--at = '-';
  return eh_copy(at, (size_t)(digits + sizeof digits - at));
}

void eh_put_integer(eh_out *out, int64_t value) { eh_put_raw(out, decimal(value)); }

void eh_put_number(eh_out *out, double value) {
  if (value - value != 0) { // not a number, or endless
    eh_put_null(out);
    return;
  }
  char text[32];
  int precision = 15;
  do snprintf(text, sizeof text, "%.*g", precision, value); // the shortest that reads as the same number
  while (strtod(text, NULL) != value && precision++ < 17);
  eh_put_raw(out, eh_from(text));
}

void eh_put_json(eh_out *out, const eh_json *value) {
  switch (value ? value->kind : EH_NULL) {
  case EH_NULL:
    eh_put_null(out);
    break;
  case EH_BOOL:
    eh_put_bool(out, value->truth);
    break;
  case EH_NUMBER:
    eh_put_raw(out, value->text);
    break;
  case EH_STRING:
    eh_put_text(out, value->text);
    break;
  case EH_ARRAY:
    eh_array(out);
    for (const eh_json *v = value->first; v; v = v->next) eh_put_json(out, v);
    eh_array_end(out);
    break;
  case EH_OBJECT:
    eh_object(out);
    for (const eh_json *v = value->first; v; v = v->next) {
      put_name(out, v->name);
      eh_put_json(out, v);
    }
    eh_object_end(out);
    break;
  }
}

// ---- the event -----------------------------------------------------------------

static eh_text input(uint32_t part) {
  uint32_t size = host_input_size(part);
  char *data = eh_alloc((size_t)size + 1);
  return (eh_text){data, host_input_read(part, 0, data, size)};
}

eh_text eh_body(void) {
  static eh_text body;
  if (!body.data) body = input(1);
  return body;
}

static eh_text text_of(const eh_json *object, const char *name) { return eh_string(eh_member(object, name)); }

int eh_fail(eh_text why) {
  host_fail(why.data, why.size);
  return 1;
}

static int begin(void);

__attribute__((export_name("edgehive_handle"))) int edgehive_handle(void) {
  const eh_json *json = eh_parse(input(0));
  if (!json) return eh_fail(EH_TEXT("the event is not JSON that the kit can read"));
  const eh_json *caller = eh_member(json, "caller"), *request = eh_member(json, "request");
  const eh_json *change = eh_member(json, "change"), *schedule = eh_member(json, "schedule");
  eh_event event = {
      .kind = text_of(json, "kind"),
      .id = text_of(json, "id"),
      .function = text_of(json, "function"),
      .trace = text_of(json, "trace"),
      .depth = eh_integer(eh_member(json, "depth"), 0),
      .caller = {text_of(caller, "role"), text_of(caller, "uid"), text_of(caller, "email"), eh_member(caller, "claims")},
      .request = {text_of(request, "method"), text_of(request, "path"), text_of(request, "route"), text_of(request, "query"),
                  eh_member(request, "params"), eh_member(request, "headers")},
      .change = {text_of(change, "table"), text_of(change, "op"), text_of(change, "cursor"), eh_member(change, "row"),
                 eh_member(change, "old")},
      .schedule = {text_of(schedule, "cron"), text_of(schedule, "due")},
      .from = text_of(eh_member(json, "call"), "function"),
  };
  int failed = eh_handle(&event);
  if (failed) return failed;
  if (begin()) return eh_fail(eh_refused().message);
  return 0;
}

eh_text eh_param(const eh_event *event, const char *name) { return text_of(event->request.params, name); }

eh_text eh_header(const eh_json *headers, const char *name) {
  const eh_json *values = eh_member(headers, name);
  return eh_string(values ? values->first : NULL);
}

static eh_text unescape(eh_text text) {
  char *decoded = eh_alloc(text.size + 1), *to = decoded;
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '%' && text.size - i > 2 && hex(text.data[i + 1]) >= 0 && hex(text.data[i + 2]) >= 0) {
      *to++ = (char)(hex(text.data[i + 1]) * 16 + hex(text.data[i + 2]));
      i += 2;
    } else {
      *to++ = c == '+' ? ' ' : c;
    }
  }
  return (eh_text){decoded, (size_t)(to - decoded)};
}

static size_t until(eh_text text, char c) {
  const char *found = text.size ? memchr(text.data, c, text.size) : NULL;
  return found ? (size_t)(found - text.data) : text.size;
}

bool eh_query_next(eh_text *query, eh_text *name, eh_text *value) {
  while (query->size) {
    eh_text pair = {query->data, until(*query, '&')};
    *query = eh_after(*query, pair.size + 1);
    if (!pair.size) continue;
    size_t middle = until(pair, '=');
    *name = unescape((eh_text){pair.data, middle});
    *value = unescape(eh_after(pair, middle + 1));
    return true;
  }
  return false;
}

eh_text eh_query_value(eh_text query, const char *name) {
  eh_text found, value;
  while (eh_query_next(&query, &found, &value)) {
    if (eh_is(found, name)) return value;
  }
  return EH_TEXT("");
}

// ---- the answer -------------------------------------------------------------------

typedef struct header header;
struct header {
  eh_text name, value;
  header *next;
};

static struct {
  int status;
  header *headers;
  bool begun;
} answer;

static eh_text result(uint32_t part) {
  uint32_t size = host_result_size(part);
  char *data = eh_alloc((size_t)size + 1);
  return (eh_text){data, host_result_read(part, 0, data, size)};
}

static eh_fault fault(void) {
  const eh_json *head = eh_parse(result(0));
  return (eh_fault){text_of(head, "code"), text_of(head, "message"), text_of(head, "details"), text_of(head, "hint")};
}

static eh_fault refused;

eh_fault eh_refused(void) { return refused; }

void eh_status(int status) { answer.status = status; }

void eh_add_header(const char *name, eh_text value) {
  header **last = &answer.headers;
  while (*last) last = &(*last)->next;
  *last = eh_alloc(sizeof **last);
  **last = (header){eh_copy(name, strlen(name)), eh_copy(value.data, value.size), NULL};
}

// put_headers writes each name once, with all of its values.
static void put_headers(eh_out *head) {
  for (const header *h = answer.headers; h; h = h->next) {
    bool seen = false;
    for (const header *before = answer.headers; before != h; before = before->next) seen |= eh_is(h->name, before->name.data);
    if (seen) continue;
    put_name(head, h->name);
    eh_array(head);
    for (const header *same = h; same; same = same->next) {
      if (eh_is(h->name, same->name.data)) eh_put_text(head, same->value);
    }
    eh_array_end(head);
  }
}

// begin tells the host the status and the headers, once. A head that is refused is
// forgotten, and may be set anew.
static int begin(void) {
  if (answer.begun || (!answer.status && !answer.headers)) {
    answer.begun = true;
    return 0;
  }
  eh_out head = {0};
  eh_object(&head);
  if (answer.status) {
    eh_name(&head, "status");
    eh_put_integer(&head, answer.status);
  }
  eh_name(&head, "headers");
  eh_object(&head);
  put_headers(&head);
  eh_object_end(&head);
  eh_object_end(&head);
  if (host_output_head(head.data, head.size) != 0) {
    refused = fault();
    answer.status = 0;
    answer.headers = NULL;
    return 1;
  }
  answer.begun = true;
  return 0;
}

int eh_write(eh_text body) {
  if (begin()) return 1;
  return body.size ? (int)host_output_write(body.data, body.size) : 0;
}

int eh_flush(void) {
  if (begin()) return 1;
  return (int)host_output_flush();
}

int eh_answer(int status, const char *type, eh_text body) {
  eh_status(status);
  eh_add_header("Content-Type", eh_from(type));
  return eh_write(body);
}

int eh_answer_text(int status, eh_text text) { return eh_answer(status, "text/plain; charset=utf-8", text); }

int eh_answer_json(int status, eh_out *json) { return eh_answer(status, "application/json", eh_done(json)); }

// ---- operations -----------------------------------------------------------------------

eh_result eh_do(const char *op, eh_text head, eh_text body) {
  uint32_t failed = host_call(op, strlen(op), head.data, head.size, body.data, body.size);
  if (failed) return (eh_result){.fault = fault(), .body = EH_TEXT("")};
  return (eh_result){.ok = true, .head = eh_parse(result(0)), .body = result(1)};
}

// head makes the head of an operation of names and texts, ended by NULL; a name whose
// text is NULL is left out.
static eh_text head(const char *name, ...) {
  eh_out out = {0};
  va_list arguments;
  va_start(arguments, name);
  eh_object(&out);
  for (; name; name = va_arg(arguments, const char *)) {
    const char *value = va_arg(arguments, const char *);
    if (!value) continue;
    eh_name(&out, name);
    eh_put_text(&out, eh_from(value));
  }
  eh_object_end(&out);
  va_end(arguments);
  return eh_done(&out);
}

// with puts a member of any kind into a head that is not empty.
static eh_text with(eh_text head, const char *name, eh_text json) {
  eh_out out = {0};
  eh_append(&out, (eh_text){head.data, head.size - 1});
  eh_name(&out, name);
  eh_put_raw(&out, json);
  eh_object_end(&out);
  return eh_done(&out);
}

static void escape(eh_out *out, eh_text text) {
  static const char digit[] = "0123456789ABCDEF";
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-_.~", c))) {
      eh_append(out, (eh_text){text.data + i, 1});
    } else {
      char escaped[3] = {'%', digit[c >> 4], digit[c & 15]};
      eh_append(out, (eh_text){escaped, 3});
    }
  }
}

static void parameter(eh_out *query, const char *name, const char *op, eh_text value) { // op may be NULL
  if (query->size) eh_append(query, EH_TEXT("&"));
  escape(query, eh_from(name));
  eh_append(query, EH_TEXT("="));
  if (op) {
    eh_append(query, eh_from(op));
    eh_append(query, EH_TEXT("."));
  }
  escape(query, value);
}

void eh_parameter(eh_out *query, const char *name, eh_text value) { parameter(query, name, NULL, value); }

void eh_columns(eh_out *query, const char *columns) { parameter(query, "select", NULL, eh_from(columns)); }

void eh_where(eh_out *query, const char *column, const char *op, eh_text value) { parameter(query, column, op, value); }

void eh_in(eh_out *query, const char *column, const eh_text *values, size_t count) {
  eh_out list = {0};
  eh_append(&list, EH_TEXT("("));
  for (size_t i = 0; i < count; i++) {
    eh_append(&list, i ? EH_TEXT(",\"") : EH_TEXT("\""));
    for (size_t k = 0; k < values[i].size; k++) {
      char c = values[i].data[k];
      if (c == '"' || c == '\\') eh_append(&list, EH_TEXT("\\"));
      eh_append(&list, (eh_text){&c, 1});
    }
    eh_append(&list, EH_TEXT("\""));
  }
  eh_append(&list, EH_TEXT(")"));
  parameter(query, column, "in", eh_done(&list));
}

void eh_order(eh_out *query, const char *by) { parameter(query, "order", NULL, eh_from(by)); }
void eh_limit(eh_out *query, int64_t limit) { parameter(query, "limit", NULL, decimal(limit)); }
void eh_offset(eh_out *query, int64_t offset) { parameter(query, "offset", NULL, decimal(offset)); }

static eh_text rows(const char *table, eh_out *query) { return head("table", table, "query", eh_done(query).data, NULL); }

eh_result eh_select(const char *table, eh_out *query) { return eh_do("db.select", rows(table, query), EH_TEXT("")); }

eh_result eh_select_count(const char *table, eh_out *query, int64_t *count) {
  eh_result found = eh_do("db.select", with(rows(table, query), "count", EH_TEXT("true")), EH_TEXT(""));
  *count = eh_integer(eh_member(found.head, "count"), 0);
  return found;
}

eh_result eh_insert(const char *table, eh_text values) { return eh_do("db.insert", rows(table, NULL), values); }

eh_result eh_upsert(const char *table, const char *on_conflict, eh_text values) {
  eh_out query = {0};
  if (on_conflict) parameter(&query, "on_conflict", NULL, eh_from(on_conflict));
  return eh_do("db.insert", with(rows(table, &query), "prefer", EH_TEXT("\"resolution=merge-duplicates\"")), values);
}

eh_result eh_update(const char *table, eh_out *query, eh_text set) { return eh_do("db.update", rows(table, query), set); }
eh_result eh_delete(const char *table, eh_out *query) { return eh_do("db.delete", rows(table, query), EH_TEXT("")); }
eh_result eh_batch(eh_text writes) { return eh_do("db.batch", EH_TEXT("{}"), writes); }

eh_result eh_named(const char *query, eh_text arguments) { return eh_do("db.call", head("query", query, NULL), arguments); }

static eh_result flagged(eh_result given, const char *name, bool *flag) {
  *flag = eh_truth(eh_member(given.head, name));
  return given;
}

eh_result eh_cache_get(const char *key, bool *found) {
  return flagged(eh_do("cache.get", head("key", key, NULL), EH_TEXT("")), "found", found);
}

eh_result eh_cache_set(const char *key, eh_text value, const char *ttl) {
  return eh_do("cache.set", head("key", key, "ttl", ttl, NULL), value);
}

eh_result eh_cache_set_absent(const char *key, eh_text value, const char *ttl, bool *stored) {
  eh_text absent = with(head("key", key, "ttl", ttl, NULL), "ifAbsent", EH_TEXT("true"));
  return flagged(eh_do("cache.set", absent, value), "stored", stored);
}

eh_result eh_cache_delete(const char *key, bool *found) {
  return flagged(eh_do("cache.delete", head("key", key, NULL), EH_TEXT("")), "found", found);
}

eh_result eh_cache_add(const char *key, int64_t by, const char *ttl, int64_t *value) {
  eh_result sum = eh_do("cache.add", with(head("key", key, "ttl", ttl, NULL), "by", decimal(by)), EH_TEXT(""));
  *value = eh_integer(eh_member(sum.head, "value"), 0);
  return sum;
}

eh_result eh_fetch(const eh_request *request, int *status) {
  eh_out headers = {0};
  eh_object(&headers);
  for (const char *const *pair = request->headers; pair && pair[0] && pair[1]; pair += 2) {
    eh_name(&headers, pair[0]);
    eh_put_text(&headers, eh_from(pair[1]));
  }
  eh_object_end(&headers);
  eh_out url = {0};
  eh_put_text(&url, request->url);
  const char *method = request->method ? request->method : "GET";
  eh_text asked = with(head("method", method, "timeout", request->timeout, NULL), "headers", eh_done(&headers));
  eh_result answered = eh_do("fetch", with(asked, "url", eh_done(&url)), request->body);
  *status = (int)eh_integer(eh_member(answered.head, "status"), 0);
  return answered;
}

eh_result eh_publish(const char *channel, const char *event, eh_text payload) {
  return eh_do("channel.publish", head("channel", channel, "event", event, NULL), payload);
}

eh_result eh_call(const char *function, eh_text body, int *status) {
  eh_result answered = eh_do("function.call", head("function", function, NULL), body);
  *status = (int)eh_integer(eh_member(answered.head, "status"), 0);
  return answered;
}

eh_result eh_secret(const char *name) { return eh_do("secret.get", head("name", name, NULL), EH_TEXT("")); }

eh_result eh_config(const char *name, eh_text *value) {
  eh_result given = eh_do("config.get", head("name", name, NULL), EH_TEXT(""));
  *value = text_of(given.head, "value");
  return given;
}

eh_result eh_hash(const char *hash, eh_text data) { return eh_do("crypto.hash", head("hash", hash, NULL), data); }

eh_result eh_hmac(const char *hash, const char *secret, eh_text message) {
  return eh_do("crypto.hmac", head("hash", hash, "secret", secret, NULL), message);
}

eh_result eh_hmac_key(const char *hash, eh_text key, eh_text message) {
  return eh_do("crypto.hmac", head("hash", hash, "key", eh_base64(key).data, NULL), message);
}

eh_result eh_equal(eh_text a, eh_text b, bool *equal) {
  return flagged(eh_do("crypto.equal", head("to", eh_base64(a).data, NULL), b), "equal", equal);
}

eh_result eh_sign(const char *algorithm, const char *secret, eh_text message) {
  return eh_do("crypto.sign", head("algorithm", algorithm, "secret", secret, NULL), message);
}

eh_result eh_verify(const char *algorithm, eh_text public_key, eh_text message, eh_text signature, bool *valid) {
  eh_text key = eh_copy(public_key.data, public_key.size); // ends with a zero byte
  eh_text asked = head("algorithm", algorithm, "key", key.data, "signature", eh_base64(signature).data, NULL);
  return flagged(eh_do("crypto.verify", asked, message), "valid", valid);
}

void eh_log(int level, eh_text text) { host_log((uint32_t)level, text.data, text.size); }

int64_t eh_time(void) { return host_time(); }

void eh_random(void *to, size_t size) { host_random(to, size); }
