// The conformance program of the C kit.
#include <stdlib.h>
#include <string.h>

#include "edgehive/edgehive.h"

static int calls;

static int refused(eh_fault fault) {
  eh_out out = {0};
  eh_object(&out);
  eh_name(&out, "error");
  eh_object(&out);
  eh_name(&out, "code");
  eh_put_text(&out, fault.code);
  eh_name(&out, "message");
  eh_put_text(&out, fault.message);
  eh_name(&out, "details");
  eh_put_text(&out, fault.details);
  eh_name(&out, "hint");
  eh_put_text(&out, fault.hint);
  eh_object_end(&out);
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int given(eh_result result) { // its body as the answer
  return result.ok ? eh_answer(200, "application/json", result.body) : refused(result.fault);
}

static void text(eh_out *out, const char *name, eh_text value) {
  eh_name(out, name);
  eh_put_text(out, value);
}

static void truth(eh_out *out, const char *name, bool value) {
  eh_name(out, name);
  eh_put_bool(out, value);
}

static int integer(eh_text text) {
  int sum = 0;
  for (size_t i = 0; i < text.size; i++) sum = sum * 10 + (text.data[i] - '0');
  return sum;
}

static int facts(const eh_event *event) {
  eh_out out = {0};
  eh_object(&out);
  text(&out, "kind", event->kind);
  text(&out, "function", event->function);
  eh_name(&out, "depth");
  eh_put_integer(&out, event->depth);
  text(&out, "trace", event->trace);
  text(&out, "method", event->request.method);
  text(&out, "path", event->request.path);
  text(&out, "route", event->request.route);
  eh_name(&out, "params");
  eh_put_json(&out, event->request.params);
  text(&out, "query", event->request.query);
  eh_name(&out, "headers");
  eh_put_json(&out, event->request.headers);
  eh_name(&out, "caller");
  eh_object(&out);
  text(&out, "role", event->caller.role);
  text(&out, "uid", event->caller.uid);
  text(&out, "email", event->caller.email);
  eh_object_end(&out);
  eh_name(&out, "plan");
  eh_put_json(&out, eh_member(event->caller.claims, "plan"));
  eh_name(&out, "size");
  eh_put_integer(&out, (int64_t)eh_body().size);
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int headers(const eh_event *event) {
  const eh_json *in = eh_member(event->request.headers, "x-in");
  eh_status(207);
  eh_add_header("X-Count", eh_format("%d", in ? (int)in->count : 0));
  for (const eh_json *value = in ? in->first : NULL; value; value = value->next) eh_add_header("X-Out", eh_string(value));
  eh_add_header("Set-Cookie", EH_TEXT("a=1"));
  eh_add_header("Set-Cookie", EH_TEXT("b=2"));
  return 0;
}

static int stream(void) {
  eh_add_header("Content-Type", EH_TEXT("text/event-stream"));
  for (int i = 1; i <= 3; i++) {
    if (eh_write(eh_format("data: %d\n\n", i)) || eh_flush()) return 1;
  }
  return 0;
}

static int query(const eh_event *event) {
  eh_out out = {0};
  eh_object(&out);
  eh_text rest = event->request.query, name, value;
  while (eh_query_next(&rest, &name, &value)) {
    eh_text before = event->request.query, other, ignored;
    bool seen = false; // each name once, at its first place
    while (eh_query_next(&before, &other, &ignored) && before.data != rest.data) seen |= eh_is(other, name.data);
    if (seen) continue;
    eh_name(&out, name.data);
    eh_array(&out);
    eh_text all = event->request.query;
    while (eh_query_next(&all, &other, &value)) {
      if (eh_is(other, name.data)) eh_put_text(&out, value);
    }
    eh_array_end(&out);
  }
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int big(const eh_event *event) {
  eh_out out = {0};
  eh_array(&out);
  int n = integer(eh_query_value(event->request.query, "n"));
  for (int i = 0; i < n; i++) {
    eh_object(&out);
    eh_name(&out, "n");
    eh_put_integer(&out, i);
    text(&out, "name", eh_format("row %d", i));
    eh_object_end(&out);
  }
  eh_array_end(&out);
  return eh_answer_json(200, &out);
}

static int select_books(void) {
  eh_out query = {0};
  eh_text ids[] = {EH_TEXT("a,b"), EH_TEXT("c\"d\\")};
  eh_columns(&query, "id,title");
  eh_where(&query, "title", "eq", EH_TEXT("O'Hara, \"x\" & ü=1+1%"));
  eh_in(&query, "id", ids, 2);
  eh_order(&query, "title.desc");
  eh_limit(&query, 5);
  eh_offset(&query, 10);
  int64_t count;
  eh_result found = eh_select_count("books", &query, &count);
  if (!found.ok) return refused(found.fault);
  eh_out out = {0};
  eh_object(&out);
  eh_name(&out, "count");
  eh_put_integer(&out, count);
  eh_name(&out, "rows");
  eh_put_raw(&out, found.body);
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int batch(void) {
  eh_result done = eh_batch(
      EH_TEXT("[{\"op\": \"insert\", \"table\": \"books\", \"rows\": [{\"title\": \"A\"}], \"return\": true},"
              " {\"op\": \"delete\", \"table\": \"books\", \"where\": \"id=eq.7\"}]"));
  if (!done.ok) return refused(done.fault);
  eh_out out = {0};
  eh_array(&out);
  const eh_json *results = eh_member(eh_parse(done.body), "results");
  for (const eh_json *r = results ? results->first : NULL; r; r = r->next) {
    eh_put_integer(&out, eh_integer(eh_member(r, "affected"), 0));
  }
  eh_array_end(&out);
  return eh_answer_json(200, &out);
}

static int cache(void) {
  bool found, stored, none, deleted;
  int64_t sum;
  eh_result r = eh_cache_set("k", (eh_text){"\x00\xff", 2}, "5m");
  if (!r.ok) return refused(r.fault);
  eh_result value = eh_cache_get("k", &found);
  if (!value.ok) return refused(value.fault);
  r = eh_cache_set_absent("k", EH_TEXT("x"), NULL, &stored);
  if (!r.ok) return refused(r.fault);
  r = eh_cache_get("none", &none);
  if (!r.ok) return refused(r.fault);
  r = eh_cache_add("n", 7, "1m", &sum);
  if (!r.ok) return refused(r.fault);
  r = eh_cache_delete("k", &deleted);
  if (!r.ok) return refused(r.fault);
  eh_out out = {0};
  eh_object(&out);
  text(&out, "value", eh_base64(value.body));
  truth(&out, "stored", stored);
  truth(&out, "none", none);
  eh_name(&out, "sum");
  eh_put_integer(&out, sum);
  truth(&out, "deleted", deleted);
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int fetch(const eh_event *event) {
  const char *const headers[] = {"X-Kit", "yes", NULL};
  eh_request request = {"POST", eh_query_value(event->request.query, "url"), headers, eh_body(), "5s"};
  int status;
  eh_result answer = eh_fetch(&request, &status);
  if (!answer.ok) return refused(answer.fault);
  eh_out out = {0};
  eh_object(&out);
  eh_name(&out, "status");
  eh_put_integer(&out, status);
  text(&out, "url", eh_string(eh_member(answer.head, "url")));
  text(&out, "type", eh_header(eh_member(answer.head, "headers"), "content-type"));
  text(&out, "body", answer.body);
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int call(const eh_event *event) {
  int status;
  eh_result called = eh_call(eh_query_value(event->request.query, "name").data, eh_body(), &status);
  if (!called.ok) return refused(called.fault);
  return eh_answer(status, eh_header(eh_member(called.head, "headers"), "content-type").data, called.body);
}

static int cryptography(void) {
  bool equal, other, valid;
  eh_text body = eh_body(), bytes = {"\x00\xff", 2};
  eh_result hash = eh_hash("sha256", body);
  if (!hash.ok) return refused(hash.fault);
  eh_result tag = eh_hmac("sha256", "KEY", body);
  if (!tag.ok) return refused(tag.fault);
  eh_result keyed = eh_hmac_key("sha256", bytes, body);
  if (!keyed.ok) return refused(keyed.fault);
  eh_result r = eh_equal(body, body, &equal);
  if (!r.ok) return refused(r.fault);
  r = eh_equal(body, EH_TEXT("x"), &other);
  if (!r.ok) return refused(r.fault);
  eh_result signature = eh_sign("ES256", "PEM", body);
  if (!signature.ok) return refused(signature.fault);
  r = eh_verify("ES256", EH_TEXT("P"), body, bytes, &valid);
  if (!r.ok) return refused(r.fault);
  eh_out out = {0};
  eh_object(&out);
  text(&out, "sha256", eh_base64(hash.body));
  text(&out, "hmac", eh_base64(tag.body));
  text(&out, "key", eh_base64(keyed.body));
  truth(&out, "equal", equal);
  truth(&out, "other", other);
  text(&out, "signed", eh_base64(signature.body));
  truth(&out, "valid", valid);
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int random_bytes(void) {
  static const char none[32];
  char bytes[32];
  eh_random(bytes, sizeof bytes);
  eh_out out = {0};
  eh_object(&out);
  eh_name(&out, "size");
  eh_put_integer(&out, sizeof bytes);
  truth(&out, "zero", memcmp(bytes, none, sizeof bytes) == 0);
  truth(&out, "time", eh_time() > INT64_C(1609459200000000000));
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

static int publish(void) {
  eh_result published = eh_publish("lobby", "said", eh_body());
  return published.ok ? eh_answer(200, "application/json", EH_TEXT("{\"published\": true}")) : refused(published.fault);
}

static int log_lines(void) {
  eh_log(EH_DEBUG, EH_TEXT("debug é"));
  eh_log(EH_INFO, EH_TEXT("info"));
  eh_log(EH_WARN, EH_TEXT("warn"));
  eh_log(EH_ERROR, EH_TEXT("error"));
  return 0;
}

static int config(void) {
  eh_text value;
  eh_result r = eh_config("CURRENCY", &value);
  return r.ok ? eh_answer_text(200, value) : refused(r.fault);
}

static int secret(void) {
  eh_result r = eh_secret("KEY");
  return r.ok ? eh_answer_text(200, r.body) : refused(r.fault);
}

static int bad_head(void) {
  if (!eh_answer_text(99, EH_TEXT("x"))) return eh_fail(EH_TEXT("status 99 was taken"));
  return refused(eh_refused());
}

static int fill(void) {
  for (;;) {
    volatile char *block = eh_alloc(1 << 20);
    for (int i = 0; i < 1 << 20; i += 4096) block[i] = 1;
  }
}

__attribute__((noinline)) static int recurse(volatile int *outer, int n) {
  volatile int frame[64];
  frame[n % 64] = *outer + n;
  if (n < 0) return n;
  return recurse(frame, n + 1) + frame[0];
}

static int request(const eh_event *event) {
  eh_text path = event->request.path;
  if (eh_starts(path, "/status/")) {
    eh_status(integer(eh_after(path, strlen("/status/"))));
    return 0;
  }
  if (eh_is(path, "/facts")) return facts(event);
  if (eh_is(path, "/echo")) return eh_answer(200, "application/octet-stream", eh_body());
  if (eh_is(path, "/headers")) return headers(event);
  if (eh_is(path, "/bad-head")) return bad_head();
  if (eh_is(path, "/stream")) return stream();
  if (eh_is(path, "/query")) return query(event);
  if (eh_is(path, "/json")) {
    const eh_json *value = eh_parse(eh_body());
    if (!value) return eh_fail(EH_TEXT("not JSON"));
    eh_out out = {0};
    eh_put_json(&out, value);
    return eh_answer_json(200, &out);
  }
  if (eh_is(path, "/big")) return big(event);
  if (eh_is(path, "/select")) return select_books();
  if (eh_is(path, "/insert")) return given(eh_insert("books", eh_body()));
  if (eh_is(path, "/upsert")) return given(eh_upsert("books", "isbn", eh_body()));
  if (eh_is(path, "/update") || eh_is(path, "/delete")) {
    eh_out query = {0};
    eh_where(&query, "id", "eq", EH_TEXT("7"));
    return given(eh_is(path, "/update") ? eh_update("books", &query, eh_body()) : eh_delete("books", &query));
  }
  if (eh_is(path, "/batch")) return batch();
  if (eh_is(path, "/named")) return given(eh_named("bestsellers", eh_body()));
  if (eh_is(path, "/cache")) return cache();
  if (eh_is(path, "/config")) return config();
  if (eh_is(path, "/secret")) return secret();
  if (eh_is(path, "/fetch")) return fetch(event);
  if (eh_is(path, "/publish")) return publish();
  if (eh_is(path, "/call")) return call(event);
  if (eh_is(path, "/crypto")) return cryptography();
  if (eh_is(path, "/random")) return random_bytes();
  if (eh_is(path, "/log")) return log_lines();
  if (eh_is(path, "/state")) return eh_answer_text(200, eh_format("%d", ++calls));
  if (eh_is(path, "/fail")) return eh_fail(EH_TEXT("told to fail"));
  if (eh_is(path, "/panic")) abort();
  if (eh_is(path, "/memory")) return fill();
  if (eh_is(path, "/loop")) {
    for (volatile int *counter = &calls;;) ++*counter;
  }
  if (eh_is(path, "/recurse")) {
    volatile int zero = 0;
    return recurse(&zero, 0);
  }
  return eh_answer_text(404, EH_TEXT("no such path"));
}

static int change(const eh_event *event) {
  eh_out out = {0};
  eh_object(&out);
  text(&out, "table", event->change.table);
  text(&out, "op", event->change.op);
  text(&out, "cursor", event->change.cursor);
  eh_name(&out, "title");
  eh_put_json(&out, eh_member(event->change.row, "title"));
  eh_name(&out, "old");
  eh_put_json(&out, eh_member(event->change.old, "title"));
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}

int eh_handle(const eh_event *event) {
  if (eh_is(event->kind, "request")) return request(event);
  if (eh_is(event->kind, "change")) return change(event);
  eh_out out = {0};
  eh_object(&out);
  if (eh_is(event->kind, "schedule")) {
    text(&out, "cron", event->schedule.cron);
    text(&out, "due", event->schedule.due);
  } else {
    text(&out, "from", event->from);
    text(&out, "body", eh_body());
  }
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}
