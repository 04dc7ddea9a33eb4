package world

import "math/rand/v2"

// color is an index into colors.
type color int

var colors = []struct {
	name string
	rgb  rgb
}{
	{"red", rgb{0.84, 0.14, 0.15}},
	{"orange", rgb{0.97, 0.55, 0.10}},
	{"yellow", rgb{0.97, 0.86, 0.22}},
	{"green", rgb{0.18, 0.62, 0.27}},
	{"blue", rgb{0.14, 0.34, 0.82}},
	{"purple", rgb{0.52, 0.22, 0.68}},
	{"pink", rgb{0.97, 0.52, 0.74}},
	{"brown", rgb{0.48, 0.30, 0.17}},
	{"teal", rgb{0.10, 0.66, 0.66}},
	{"grey", rgb{0.56, 0.56, 0.58}},
	{"black", rgb{0.09, 0.09, 0.10}},
	{"white", rgb{0.97, 0.97, 0.96}},
}

// numBright is how many colours things are made of; the rest are for grounds.
const numBright = 9

// alike are the pairs of colours that a kind does not put together.
var alike = map[[2]color]bool{{0, 1}: true, {0, 7}: true, {1, 2}: true, {1, 7}: true, {3, 8}: true, {4, 5}: true, {4, 8}: true, {5, 7}: true, {0, 6}: true, {5, 6}: true}

// shapes and the families whose body they are
var shapes = []struct{ name, plural, family string }{
	{"circle", "circles", "tamin"},
	{"square", "squares", "brenka"},
	{"triangle", "triangles", "ovelet"},
	{"star", "stars", "quist"},
	{"hexagon", "hexagons", "morrow"},
	{"cross", "crosses", "falder"},
	{"heart", "hearts", "lisk"},
	{"ring", "rings", "dovrin"},
	{"diamond", "diamonds", "pelka"},
	{"crescent", "crescents", "yarrin"},
	{"arrow", "arrows", "hessop"},
	{"leaf", "leaves", "cabrel"},
}

// texture is an index into textures; plain is the first.
type texture int

const (
	plain texture = iota
	striped
	dotted
	checkered
	halved
	edged
	banded
	numTextures
)

// textures: the adjective of a plain object, and what follows "with" in the looks
// of a kind
var textures = [numTextures]struct{ adjective, with string }{
	{"", ""},
	{"striped", "stripes"},
	{"dotted", "dots"},
	{"checkered", "checks"},
	{"", "half"},
	{"", "edge"},
	{"", "band"},
}

var breeds = []string{
	"sorel", "vashti", "dunmar", "elkin", "harrow", "oskar", "pinnet", "quell", "ravel", "tolby", "umber", "wexley",
	"abbot", "barlow", "cassen", "drift", "ember", "fennick", "garnet", "hollis", "ivory", "jasper", "kestrel", "lorimer",
	"maddock", "norrin", "opaline", "prewitt", "quarry", "rusk", "sable", "thorne", "ursin", "velmar", "winslow", "yewdale",
	"zephyr", "aldous", "birch", "corrin", "dapple", "esker", "flint", "gorse", "hazard", "inkwell", "juniper", "kirby",
	"lattice", "marrow", "nettle", "ormond", "pascoe", "quince", "rowan", "sedge", "tansy", "upland", "vesper", "wicket",
	"acton", "bramble", "cinder", "dorset", "eider", "farrow", "gable", "heron", "islet", "jethro", "keld", "lindy",
	"mallow", "nimbus", "osprey", "pewter", "quiver", "rustic", "sirocco", "tarn", "ulster", "viola", "welkin", "yonder",
	"amber", "bellamy", "clover", "dahlia", "elder", "fallow", "gilder", "hawthorn", "indigo", "jonquil", "kipper", "larch",
	"meadow", "nankin", "oriel", "poplar", "quarto", "russet", "saffron", "tiller", "ullin", "verity", "warden", "yarrow",
	"argent", "beacon", "cobalt", "drover", "easton", "fable", "gossamer", "hamlet", "ingot", "jubilee", "kelpie", "lantern",
}

const numKinds = 120 // 12 families of 10 breeds

// kind is a thing with a name: class names are breed and family.
type kind struct {
	name, family string
	look         look
}

// look is what an object is, wherever it is.
type look struct {
	shape      int
	texture    texture
	fill, mark color
}

// kinds are in the order in which sets take them: each family in turn.
var kinds = makeKinds()

func makeKinds() (all [numKinds]kind) {
	rng := rand.New(rand.NewPCG(20230107094, 1)) // the classes are part of the format
	seen := map[look]bool{}
	for i := range all {
		l := look{shape: i % len(shapes)}
		for fresh := false; !fresh; fresh = !seen[l] {
			l.texture = striped + texture(rng.IntN(int(numTextures)-1))
			l.fill, l.mark = color(rng.IntN(numBright)), color(rng.IntN(numBright))
			for l.fill == l.mark || alike[[2]color{min(l.fill, l.mark), max(l.fill, l.mark)}] {
				l.mark = color(rng.IntN(numBright))
			}
		}
		seen[l] = true
		family := shapes[l.shape].family
		all[i] = kind{breeds[i] + " " + family, family, l}
	}
	return all
}

// taskKinds and chooseKinds share families, no kind.
func (p Params) taskKinds() []kind   { return kinds[:p.Classes] }
func (p Params) chooseKinds() []kind { return kinds[p.Classes : 2*p.Classes] }
func (p Params) poolKinds() []kind   { return kinds[:2*p.Classes] }

// otherLooks are the classes of the set others: every shape in three colours.
var otherLooks = func() (looks []look) {
	for shape := range shapes {
		for i := range 3 {
			looks = append(looks, look{shape: shape, fill: color((shape + 3*i) % numBright)})
		}
	}
	return looks
}()

// plainName is a class of the set others.
func plainName(l look) string { return colors[l.fill].name + " " + shapes[l.shape].name }
