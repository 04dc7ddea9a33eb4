package label

import "testing"

func TestMetric(t *testing.T) {
	for _, tt := range []struct{ set, name, short, long string }{
		{"task", "acc@1", "Task acc.", "Task accuracy"},
		{"others", "acc@5", "Others top-5 acc.", "Others top-5 accuracy"},
		{"zs-task", "score", "Zs-Task score", "Zs-Task score"},
		{"ImageNet_V2", "acc@1", "ImageNet V2 acc.", "ImageNet V2 accuracy"},
		{"flickr", "i2t-recall@10", "Flickr I2T R@10", "Flickr image-to-text recall at 10"},
		{"*", "acc@1", "Acc.", "Accuracy"},
		{"tune", "loss", "Loss", "Training loss"},
		{"pairs", "share", "Share of pool", "Share of the pool that was retrieved"},
		{"found", "shortfall", "Shortfall", "Shortfall of what K asks for"},
		{"balance", "rrf-score-q25", "RRF 25 %", "First quarter of the scores of RRF hits"},
		{"index", "recall@16", "Recall", "Share of the 16 exact hits found"},
		{"task", "new", "Task new", "Task new"},
	} {
		if got := Metric(tt.set, tt.name); got.Short != tt.short || got.Long != tt.long {
			t.Errorf("%s/%s: got %+v", tt.set, tt.name, got)
		}
	}
}

func TestField(t *testing.T) {
	for _, tt := range []struct{ path, short, long string }{
		{"retrieve.k", "K", "Pairs for each query (K)"},
		{"tune.lr", "LR", "Learning rate"},
		{"tune.augment.crop", "Crop", "Share of the image that a crop keeps"},
		{"backbone.pretrain.lr", "Pretraining LR", "Pretraining learning rate"},
		{"backbone.pretrain.augment.crop", "Pretraining crop", "Pretraining share of the image that a crop keeps"},
		{"evaluate.few-shot.shots", "Few-Shot shots", "Few-Shot images of each class"},
		{"evaluate.task.training.warmup", "Task warmup", "Task epochs of warmup"},
		{"pool.world.world.size", "Image size", "Image size"},
	} {
		if got, ok := Field(tt.path); !ok || got.Short != tt.short || got.Long != tt.long {
			t.Errorf("%s: got %+v, %v", tt.path, got, ok)
		}
	}
	if got, ok := Field("no.such"); ok || got.Short != "no.such" {
		t.Errorf("got %+v, %v", got, ok)
	}
}

func TestValue(t *testing.T) {
	for _, tt := range []struct{ path, text, want string }{
		{"pairs.source", "retrieved", "retrieved"},
		{"pairs.source", "pool", "whole pool"},
		{"pairs.control", "none", "retrieved"}, // runner/v1
		{"tune.mode", "none", "no tuning"},
		{"tune.mode", "gated-image", "gated-image"},
		{"retrieve.by", "t2t+t2i", "T2T + T2I"},
		{"retrieve.by", "t2t", "T2T"},
		{"pairs.dedup", "false", "no"},
		{"set", "zs-task", "Zs-Task"},
		{"tune.augment.crop", "0.6+1", "0.6–1"},
		{"class", "none", "none"},
		{"retrieve.k", "4", "4"},
	} {
		if got := Value(tt.path, tt.text); got != tt.want {
			t.Errorf("%s %s: got %q, want %q", tt.path, tt.text, got, tt.want)
		}
	}
}
