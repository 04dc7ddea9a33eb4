// Package ops is the list of ops. Each is a file of the packages below, which stand in the order of
// the data's path, each importing those before it: op (what an op is), backbone, pools, embed,
// places, retrieve, pairs, audit, train, evaluate.
//
// Not here: graph code (ops/clip), search (ops/knn), formats (data), keys and order (runner/plan,
// runner/schedule).
package ops

import (
	"react/ops/audit"
	"react/ops/embed"
	"react/ops/evaluate"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/places"
	"react/ops/pools"
	"react/ops/retrieve"
	"react/ops/train"
)

// All is the list of ops, by name.
var All = map[string]op.Op{
	"world":         pools.WorldOp,
	"pretrain":      train.PretrainOp,
	"snapshot":      train.SnapshotOp,
	"resize":        train.ResizeOp,
	"embed":         embed.Op,
	"check-encoder": embed.CheckEncoderOp,
	"filter":        pools.FilterOp,
	"queries":       embed.QueriesOp,
	"index":         retrieve.IndexOp,
	"retrieve":      retrieve.Op,
	"tune-index":    retrieve.TuneIndexOp,
	"fingerprint":   pairs.FingerprintOp,
	"pairs":         pairs.Op,
	"audit":         audit.Op,
	"balance":       audit.BalanceOp,
	"pseudo-label":  train.PseudoLabelOp,
	"tune":          train.TuneOp,
	"features":      embed.FeaturesOp,
	"regions":       places.RegionsOp,
	"knowledge":     evaluate.KnowledgeOp,
	"prompt-tune":   train.PromptTuneOp,
	"fine-tune":     evaluate.FineTuneOp,
	"evaluate":      evaluate.Op,
}
