package openapi

import "github.com/edge-hive/edge-hive/runtime/access"

// broadcastTag gathers the channels that are about no table.
const broadcastTag = "broadcasts"

// broadcast adds a channel that is about no table: for whom it may be heard, and
// for whom something may be sent to it.
func (w *writer) broadcast(c *access.ChannelRules) {
	name, path := c.Channel.Name, object{}
	operation := func(method string, reach access.Reach, o object) {
		switch {
		case !w.service && reach == access.ReachService:
			return
		case reach == access.ReachService:
			o = o.with("x-service-role", true).with("security", named())
		}
		path = path.with(method, append(object{{"tags", []string{broadcastTag}}}, o...))
	}
	frame := "api.channel." + name
	operation("get", access.ReachOf(c.Access), object{
		{"operationId", "listen_" + name},
		{"summary", "Listen to " + name + ": its history, then every message as it is sent"},
		{"description", "Over WebSocket, or as server-sent events. Each message is a frame, " + frame + "."},
		{"parameters", parameterRefs("cursor", "last-event-id")},
		{"responses", listening(frame)},
	})
	heard := len(path) > 0
	operation("post", access.ReachOf(c.Send), object{
		{"operationId", "send_" + name},
		{"summary", "Send a message to who listens to " + name},
		{"requestBody", jsonBody(object{
			{"type", "object"},
			{"properties", object{
				{"event", object{{"type", "string"}, {"minLength", 1}, {"maxLength", 64}, {"description", "What happened; at most 64 bytes."}}},
				{"payload", object{{"description", "Any JSON, at most 64 KiB."}}},
			}},
			{"required", []string{"event"}},
			{"additionalProperties", false},
		})},
		{"responses", append(object{{"200", object{
			{"description", "It was sent."},
			{"content", object{{"application/json", object{{"schema", object{
				{"type", "object"},
				{"properties", object{{"cursor", object{{"type", "string"}, {"description", "That of its frame."}}}}},
				{"required", []string{"cursor"}},
			}}}}}},
		}}}, refusals("400", "401", "403", "404", "413", "415", "429")...)},
	})
	if len(path) == 0 {
		return
	}
	if heard {
		w.schemas = w.schemas.with(frame, messageSchema())
	}
	if !w.broadcasts {
		w.broadcasts = true
		w.tags = append(w.tags, object{{"name", broadcastTag}})
	}
	w.paths = w.paths.with("/api/realtime/"+name, path)
}

// messageSchema is a frame of a broadcast. New types and members may come.
func messageSchema() object {
	said := func(description string) object {
		return object{{"type", "string"}, {"description", description}}
	}
	return object{
		{"type", "object"},
		{"properties", object{
			{"type", said("joined, resumed, truncated, message, sent, error, ping, pong or close; more may come.")},
			{"cursor", said("Where to come back to.")},
			{"event", said("What the sender calls it.")},
			{"payload", object{{"description", "What was sent, any JSON."}}},
			{"from", object{{"type", []string{"string", "null"}}, {"description", "The user who sent it; null is the service role, or nobody signed in."}}},
			{"at", object{{"type", "string"}, {"format", "date-time"}}},
			{"ref", said("Of the message that this answers.")},
			{"code", object{{"type", []string{"string", "integer"}}, {"description", "Of an error, or a close."}}},
			{"message", said("Of an error.")},
			{"details", object{{"type", []string{"string", "null"}}}},
			{"hint", object{{"type", []string{"string", "null"}}}},
			{"reason", said("Of a close.")},
		}},
		{"required", []string{"type"}},
	}
}
