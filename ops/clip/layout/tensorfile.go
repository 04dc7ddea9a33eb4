package layout

import (
	"fmt"
	"io"
	"os"
	"strings"

	"react/data/dtype"
	"react/data/torchfile"
)

// tensorFile is an opened file of named tensors, of which no value has been read.
type tensorFile interface {
	list() []tensorInfo
	// float32 gives a tensor's values, valid until close.
	float32(name string) ([]float32, error)
	close() error
}

type tensorInfo struct {
	name  string
	dtype dtype.Type
	shape []int
}

// The containers that weights come in, as inspect names them.
const (
	containerSafetensors = "safetensors"
	containerTorch       = "PyTorch pickle"
	containerScript      = "TorchScript archive"
)

// openTensors opens a file by what is in it, not by its name.
func openTensors(path string) (f tensorFile, container string, err error) {
	start, err := startOf(path)
	if err != nil {
		return nil, "", err
	}
	if !torchfile.Is(start) && !isOtherKind(path, start) {
		f, err := openSafetensors(path)
		return f, containerSafetensors, err
	}
	t, err := torchfile.Open(path)
	if err != nil {
		return nil, "", err
	}
	if t.Script() {
		return &torchTensors{t}, containerScript, nil
	}
	return &torchTensors{t}, containerTorch, nil
}

// isOtherKind says whether torchfile should explain a file that is neither: one
// named as PyTorch's are, a Git LFS pointer.
func isOtherKind(path string, start []byte) bool {
	for _, end := range []string{".pt", ".pth", ".bin"} {
		if strings.HasSuffix(path, end) {
			return true
		}
	}
	return strings.HasPrefix("version https://git-lfs", string(start)) && len(start) > 0
}

func startOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	start := make([]byte, 8)
	n, err := io.ReadFull(f, start)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return start[:n], nil
}

// torchTensors is a file of PyTorch as a tensorFile.
type torchTensors struct{ file *torchfile.File }

func (t *torchTensors) list() []tensorInfo {
	tensors := t.file.Tensors()
	infos := make([]tensorInfo, len(tensors))
	for i, x := range tensors {
		infos[i] = tensorInfo{name: x.Name, dtype: x.DType, shape: x.Shape}
	}
	return infos
}

func (t *torchTensors) float32(name string) ([]float32, error) { return t.file.Float32(name) }

func (t *torchTensors) close() error { return t.file.Close() }
