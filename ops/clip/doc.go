// Package clip is the CLIP dual encoder of REACT as data: its config, the parameters
// that follow from it, the modes of tuning, weights, and what a step costs. It computes
// nothing on a device. Its packages, each of which knows only those before it:
//
//	fields   strict reading of config files: an unknown field is an error
//	layout   weights on disk in the layouts of open_clip, Hugging Face and OpenAI
//	graph    the towers, heads and losses as graphs
//	encode   embeddings of images and captions with fixed weights
//	train    training steps, and the memory that they take
//
// Words: a tower is the image or the text half; a gated block is the residual
// block before a vision block whose two branches are scaled by tanh of a number
// that starts at 0, so that a new gate changes nothing; a mode says which
// parameters train (see Trainable).
package clip
