package pairs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"react/data/embeddings"
)

// ownLabels takes the labels from pairs whose pool has a column of that name with another
// meaning ("positive", "negative"): no row of the pool has a class of the task. Otherwise
// precision would be 0, which says that retrieval is wrong.
func (m *maker) ownLabels(ctx context.Context, list []Pair) error {
	isClass := map[string]bool{}
	for _, class := range m.classes {
		isClass[class] = true
	}
	labelled, ours := false, len(isClass) == 0
	for _, pair := range list {
		labelled, ours = labelled || pair.Label != "", ours || isClass[pair.Label]
	}
	if !labelled || ours {
		return nil
	}
	others, found, err := labelsBeside(ctx, m.folder, isClass)
	if err != nil || found {
		return err
	}
	m.run.Warn("the pool's column label names no class of the task (it has %s): "+
		"pairs have no label, and no precision is told", others)
	for i := range list {
		list[i].Label = ""
	}
	return nil
}

// labelsBeside looks whether a row's label is a class; if none is, it shows some of them.
func labelsBeside(
	ctx context.Context, folder *embeddings.Folder, isClass map[string]bool,
) (others string, found bool, err error) {
	rows, err := folder.Meta(ctx)
	if err != nil {
		return "", false, err
	}
	defer rows.Close()
	var some []string
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return others, false, nil
		}
		if err != nil || isClass[row.Label] {
			return "", true, err
		}
		if row.Label == "" || len(some) == 3 || slices.Contains(some, row.Label) {
			continue
		}
		if some = append(some, row.Label); len(some) > 1 {
			others += ", "
		}
		others += fmt.Sprintf("%q", row.Label)
	}
}
