package openapi

import "github.com/edge-hive/edge-hive/runtime/access"

// channel adds a channel: it gives rows, so it is there for whom both the
// table's read rule and its own access may let through.
func (w *writer) channel(c *access.ChannelRules, table *access.TableRules) {
	reach := min(table.Reaches().Read, access.ReachOf(c.Access))
	if !w.service && reach == access.ReachService {
		return
	}
	name, row := c.Channel.Name, ref("schemas", c.Table.Name)
	frame := "api.channel." + name
	w.schemas = w.schemas.with(frame, frameSchema(row))
	o := object{
		{"tags", []string{c.Table.Name}},
		{"operationId", "listen_" + name},
		{"summary", "Listen to " + c.Table.Name + ": the rows, then every change to them"},
		{"description", "Over WebSocket, or as server-sent events. Each message is a frame, " + frame + "."},
	}
	if reach == access.ReachService {
		o = o.with("x-service-role", true).with("security", named())
	}
	w.paths = w.paths.with("/api/realtime/"+name, object{{"get", append(o,
		member{"parameters", parameterRefs("cursor", "last-event-id")},
		member{"responses", listening(frame)},
	)}})
}

// listening are the answers to who listens to frames of a schema.
func listening(frame string) object {
	return append(object{
		{"101", object{{"description", "A WebSocket."}}},
		{"200", object{
			{"description", "Events: event is the frame's type, id its cursor, data the frame."},
			{"content", object{{"text/event-stream", object{{"schema", object{{"type", "string"}, {"x-frame", ref("schemas", frame)}}}}}}},
		}},
	}, refusals("400", "401", "403", "404", "426", "429")...)
}

// frameSchema is a frame of a channel over rows of one schema. New types and
// members may come.
func frameSchema(row object) object {
	said := func(description string) object {
		return object{{"type", "string"}, {"description", description}}
	}
	return object{
		{"type", "object"},
		{"properties", object{
			{"type", said("snapshot, resumed, truncated, create, update, delete, enter, leave, error, ping, pong or close; more may come.")},
			{"cursor", said("Where to come back to.")},
			{"key", object{{"type", []string{"string", "integer"}}, {"description", "The key of the row that changed."}}},
			{"row", row},
			{"rows", object{{"type", "array"}, {"items", row}, {"description", "All rows of a snapshot."}}},
			{"more", object{{"type", "boolean"}, {"description", "The table may hold more than these."}}},
			{"code", object{{"type", []string{"string", "integer"}}, {"description", "Of an error, or a close."}}},
			{"message", said("Of an error.")},
			{"details", object{{"type", []string{"string", "null"}}}},
			{"hint", object{{"type", []string{"string", "null"}}}},
			{"reason", said("Of a close.")},
		}},
		{"required", []string{"type"}},
	}
}
