// The JSON function of the bench: sums what a basket costs.
#include "edgehive/edgehive.h"

int eh_handle(const eh_event *event) {
  (void)event;
  const eh_json *basket = eh_parse(eh_body());
  if (basket == NULL || basket->kind != EH_ARRAY)
    return eh_answer_text(400, EH_TEXT("a basket is an array"));
  double total = 0;
  int64_t items = 0;
  for (const eh_json *line = basket->first; line != NULL; line = line->next) {
    int64_t quantity = eh_integer(eh_member(line, "quantity"), 1);
    total += eh_number(eh_member(line, "price"), 0) * (double)quantity;
    items += quantity;
  }
  eh_out out = {0};
  eh_object(&out);
  eh_name(&out, "items");
  eh_put_integer(&out, items);
  eh_name(&out, "total");
  eh_put_number(&out, total);
  eh_object_end(&out);
  return eh_answer_json(200, &out);
}
