package openapi

import (
	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// functionMethods are those that a function is called with; HEAD is GET without the
// body.
var functionMethods = []string{"get", "post", "put", "patch", "delete"}

// function adds a function, for whom its access may let through. What it takes and
// answers, its code alone knows.
func (w *writer) function(declared *manifest.Function, rules *access.FunctionRules) {
	reach := access.ReachOf(rules.Call)
	if !w.service && reach == access.ReachService {
		return
	}
	const description = "The function sees the whole request, and what follows its name in the path; what it takes and answers is its own. /functions/v1/"
	var path object
	for _, method := range functionMethods {
		o := object{
			{"tags", []string{functions}},
			{"operationId", method + "_function_" + declared.Name},
			{"summary", "Call the function " + declared.Name},
			{"description", description + declared.Name + " is the same."},
		}
		if reach == access.ReachService {
			o = o.with("x-service-role", true).with("security", named())
		}
		if method != "get" && method != "delete" {
			o = o.with("requestBody", object{{"required", false}, {"content", object{{"*/*", object{{"schema", object{}}}}}}})
		}
		answered := object{{"description", "What the function answers, whatever its status."}, {"content", object{{"*/*", object{{"schema", object{}}}}}}}
		path = path.with(method, o.with("responses", append(object{{"200", answered}}, refusals("401", "403", "404", "413", "429")...)))
	}
	w.paths = w.paths.with("/api/edge/"+declared.Name, path)
}

// functions is their tag.
const functions = "functions"
