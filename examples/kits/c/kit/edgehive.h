// What a function in C is written with. It defines eh_handle, which is called once for
// each event:
//
//     #include "edgehive/edgehive.h"
//
//     int eh_handle(const eh_event *event) {
//       return eh_answer_text(200, EH_TEXT("hello"));
//     }
//
// Memory: what the kit gives stays until the call ends, and nothing is to be freed; each
// call begins with the memory as it was before the first. Where there is no more, the
// call fails. Nothing here is NULL but what says so, and all that takes a JSON value or
// a text takes a missing one.
#ifndef EDGEHIVE_H
#define EDGEHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- text ---------------------------------------------------------------

// Text or bytes. What the kit gives has a zero byte behind its end, so that text
// without zero bytes can be used as a C string.
typedef struct {
  const char *data;
  size_t size;
} eh_text;

// EH_TEXT is the text of a literal.
#define EH_TEXT(literal) ((eh_text){(literal), sizeof(literal) - 1})

eh_text eh_from(const char *string); // of a C string, NULL is empty
eh_text eh_copy(const void *data, size_t size);
eh_text eh_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool eh_is(eh_text text, const char *string); // whether they are equal
bool eh_starts(eh_text text, const char *prefix);
eh_text eh_after(eh_text text, size_t size); // without its first bytes
void *eh_alloc(size_t size); // zeroed; never NULL

eh_text eh_base64(eh_text bytes);
eh_text eh_unbase64(eh_text text); // as far as it is base64

// ---- JSON, read -----------------------------------------------------------

typedef enum { EH_NULL, EH_BOOL, EH_NUMBER, EH_STRING, EH_ARRAY, EH_OBJECT } eh_kind;

// A JSON value. Its members and elements are a list: for (v = a->first; v; v = v->next).
typedef struct eh_json eh_json;
struct eh_json {
  eh_kind kind;
  bool truth;           // of EH_BOOL
  eh_text text;         // of EH_STRING; of EH_NUMBER the number as it was written
  eh_text name;         // of a member of an object
  size_t count;         // of an array or object
  const eh_json *first; // of an array or object, else NULL
  const eh_json *next;
};

const eh_json *eh_parse(eh_text json);                             // NULL where it is not JSON
const eh_json *eh_member(const eh_json *value, const char *name);  // NULL where there is none
eh_text eh_string(const eh_json *value);                           // "" where it is none
int64_t eh_integer(const eh_json *value, int64_t otherwise);       // otherwise: not a number, or beyond 64 bits
double eh_number(const eh_json *value, double otherwise);
bool eh_truth(const eh_json *value);

// ---- JSON, written -----------------------------------------------------------

// Grows as it is written to; begins as {0}. Commas are the kit's.
typedef struct {
  char *data;
  size_t size, capacity;
} eh_out;

eh_text eh_done(eh_out *out); // what was written
void eh_append(eh_out *out, eh_text raw);

void eh_object(eh_out *out); // {
void eh_object_end(eh_out *out);
void eh_array(eh_out *out); // [
void eh_array_end(eh_out *out);
void eh_name(eh_out *out, const char *name); // of the member whose value is put next
void eh_put_text(eh_out *out, eh_text value);
void eh_put_integer(eh_out *out, int64_t value);
void eh_put_number(eh_out *out, double value); // null where it is not finite
void eh_put_bool(eh_out *out, bool value);
void eh_put_null(eh_out *out);
void eh_put_json(eh_out *out, const eh_json *value); // NULL is null
void eh_put_raw(eh_out *out, eh_text json);          // that is JSON already

// ---- the event -----------------------------------------------------------------

typedef struct {
  eh_text kind; // request, change, schedule or call
  eh_text id;   // of the request, as in the logs
  eh_text function;
  eh_text trace; // W3C traceparent
  int64_t depth; // how many functions led to this call
  struct {
    eh_text role, uid, email;
    const eh_json *claims;
  } caller;
  struct { // of a request
    eh_text method, path, route, query;
    const eh_json *params, *headers;
  } request;
  struct { // of a change: the same may come again, with the same cursor
    eh_text table, op, cursor;
    const eh_json *row, *old; // EH_NULL of a delete, of a create
  } change;
  struct { // of a schedule
    eh_text cron, due;
  } schedule;
  eh_text from; // of a call: the function that calls
} eh_event;

// eh_handle is yours. 0: answered. Else the call fails; say why with eh_fail.
int eh_handle(const eh_event *event);

// eh_fail says why the call fails, for the log, and gives 1.
int eh_fail(eh_text why);

eh_text eh_body(void); // what was sent

eh_text eh_param(const eh_event *event, const char *name);  // of the route
eh_text eh_header(const eh_json *headers, const char *name); // its first value; name in lower case

// eh_query_next takes the next parameter off a query, decoded; false at its end.
bool eh_query_next(eh_text *query, eh_text *name, eh_text *value);
eh_text eh_query_value(eh_text query, const char *name); // the first of this name

// ---- the answer -------------------------------------------------------------------

void eh_status(int status);
void eh_add_header(const char *name, eh_text value); // beside those of the same name
int eh_write(eh_text body); // 0; 1 where nothing more is taken: see eh_refused
int eh_flush(void);         // sends what was written: from here on the answer is a stream
int eh_answer_text(int status, eh_text text);
int eh_answer_json(int status, eh_out *json);
int eh_answer(int status, const char *type, eh_text body);

// ---- operations -----------------------------------------------------------------------

typedef struct {
  eh_text code, message, details, hint;
} eh_fault;

// What an operation gave: ok, or a fault.
typedef struct {
  bool ok;
  eh_fault fault;
  const eh_json *head; // NULL where it failed
  eh_text body;
} eh_result;

// eh_do asks for an operation by its name: what the others are made of.
eh_result eh_do(const char *op, eh_text head, eh_text body);

// eh_refused is why the host refused the head of the answer last.
eh_fault eh_refused(void);

// Queries, in the data API's own words; values are escaped, and may come from anywhere.
void eh_columns(eh_out *query, const char *columns); // "id,title,author(name)"
void eh_where(eh_out *query, const char *column, const char *op, eh_text value);
void eh_in(eh_out *query, const char *column, const eh_text *values, size_t count);
void eh_order(eh_out *query, const char *by); // "price.desc,title"
void eh_limit(eh_out *query, int64_t limit);
void eh_offset(eh_out *query, int64_t offset);
void eh_parameter(eh_out *query, const char *name, eh_text value); // any other: "_text"

// Rows; the body is those that were found or written, JSON. query may be NULL.
eh_result eh_select(const char *table, eh_out *query);
eh_result eh_select_count(const char *table, eh_out *query, int64_t *count);
eh_result eh_insert(const char *table, eh_text rows);
eh_result eh_upsert(const char *table, const char *on_conflict, eh_text rows);
eh_result eh_update(const char *table, eh_out *query, eh_text set);
eh_result eh_delete(const char *table, eh_out *query);
eh_result eh_batch(eh_text writes); // an array: all or none; body: {"results": [...]}
eh_result eh_named(const char *query, eh_text arguments);

// The cache. ttl as "5m", NULL for the cache's own.
eh_result eh_cache_get(const char *key, bool *found);
eh_result eh_cache_set(const char *key, eh_text value, const char *ttl);
eh_result eh_cache_set_absent(const char *key, eh_text value, const char *ttl, bool *stored);
eh_result eh_cache_delete(const char *key, bool *found);
eh_result eh_cache_add(const char *key, int64_t by, const char *ttl, int64_t *value);

// A request to elsewhere: headers are pairs, name and value, ended by NULL; timeout as "5s".
typedef struct {
  const char *method; // NULL is GET
  eh_text url;
  const char *const *headers;
  eh_text body;
  const char *timeout;
} eh_request;

eh_result eh_fetch(const eh_request *request, int *status);

eh_result eh_publish(const char *channel, const char *event, eh_text payload);
eh_result eh_call(const char *function, eh_text body, int *status);
eh_result eh_secret(const char *name);                // body: the value
eh_result eh_config(const char *name, eh_text *value);

eh_result eh_hash(const char *hash, eh_text data);    // body: the digest
eh_result eh_hmac(const char *hash, const char *secret, eh_text message);
eh_result eh_hmac_key(const char *hash, eh_text key, eh_text message);
eh_result eh_equal(eh_text a, eh_text b, bool *equal); // in constant time
eh_result eh_sign(const char *algorithm, const char *secret, eh_text message);
eh_result eh_verify(const char *algorithm, eh_text public_key, eh_text message, eh_text signature, bool *valid);

enum { EH_DEBUG, EH_INFO, EH_WARN, EH_ERROR };
void eh_log(int level, eh_text text);
int64_t eh_time(void); // nanoseconds since 1970
void eh_random(void *to, size_t size);

#ifdef __cplusplus
}
#endif

#endif
