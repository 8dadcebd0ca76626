// The function webhook takes what a payment provider tells: an order was paid. The
// request is signed: `Signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of "SECONDS.BODY"
// under a secret that never comes into this module: the host makes the tag.
package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"function/edgehive"
)

func init() { edgehive.Handle(handle) }

func main() {}

// tolerance is how old a signature may be: a request that somebody kept is worth
// nothing later.
const tolerance = 5 * time.Minute

type payment struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Order string `json:"order"`
}

type order struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

func handle(event *edgehive.Event, answer *edgehive.Answer) error {
	if event.Kind != edgehive.KindRequest {
		return fmt.Errorf("called for a %s", event.Kind)
	}
	signed, err := verified(event.Request.Headers.Get("Signature"), event.Body())
	if err != nil {
		return err
	}
	if !signed {
		edgehive.Warn("a request with a wrong signature")
		return answer.Text(401, "the signature is wrong or too old\n")
	}
	var p payment
	if err := event.JSON(&p); err != nil || p.ID == "" {
		return answer.Text(400, "the body is no event\n")
	}
	if p.Type != "payment.succeeded" {
		return answer.Text(200, "ignored\n")
	}
	return settle(p, answer)
}

// settle marks the order as paid. Providers send an event again until they are
// answered: only the one that finds the order open changes it.
func settle(p payment, answer *edgehive.Answer) error {
	open := edgehive.Query{}.Where("id", "eq", p.Order).Where("status", "eq", "open")
	paid, err := edgehive.Update[order]("orders", open, map[string]any{
		"status": "paid", "paid": edgehive.Now().Format(time.RFC3339),
	})
	if err != nil {
		return fmt.Errorf("mark order %s as paid: %w", p.Order, err)
	}
	if len(paid) > 0 {
		edgehive.Info("order %s is paid", p.Order)
		return answer.Text(200, "paid\n")
	}
	known, err := edgehive.Select[order]("orders", edgehive.Query{}.Where("id", "eq", p.Order).Select("id,status"))
	if err != nil {
		return fmt.Errorf("look for order %s: %w", p.Order, err)
	}
	if len(known) == 0 {
		return answer.Text(404, "no such order\n")
	}
	return answer.Text(200, "paid already\n")
}

// verified says whether the signature is that of the body, and young.
func verified(header string, body []byte) (bool, error) {
	var at, tag string
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			at = value
		case "v1":
			tag = value
		}
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || edgehive.Now().Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false, nil
	}
	given, err := hex.DecodeString(tag)
	if err != nil {
		return false, nil
	}
	want, err := edgehive.HMAC("sha256", "PAYMENTS_KEY", append([]byte(at+"."), body...))
	if err != nil {
		return false, err
	}
	return edgehive.Equal(want, given)
}
