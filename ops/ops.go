// Package ops is the list of ops. Each is a file of the packages below, which stand in the order of the data's path, each
// importing those before it: op (what an op is), backbone, embed, retrieve, pairs, train, evaluate.
//
// Not here: graph code (ops/clip), search (ops/knn), formats (data), keys and order (runner/plan, runner/schedule).
package ops

import "react/ops/op"

// All is the list of ops, by name.
var All = map[string]op.Op{
	"world":         world,
	"pretrain":      pretrain,
	"snapshot":      snapshot,
	"resize":        resize,
	"embed":         embed,
	"check-encoder": checkEncoder,
	"filter":        filter,
	"queries":       queries,
	"index":         index,
	"retrieve":      retrieve,
	"tune-index":    tuneIndex,
	"fingerprint":   fingerprint,
	"pairs":         pairs,
	"audit":         audit,
	"balance":       balance,
	"pseudo-label":  pseudoLabel,
	"tune":          tune,
	"features":      features,
	"knowledge":     knowledgeOf,
	"prompt-tune":   promptTune,
	"fine-tune":     fineTune,
	"evaluate":      evaluate,
}
