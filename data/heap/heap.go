// Package heap gives items by an order, the least first: container/heap for a type, so that its
// users need neither the slice nor the five methods that it asks for. Not for concurrent use.
package heap

import "container/heap"

// Heap is some items. Before must be set before the first Push; of items that are alike any is
// first, but the same one after the same calls.
type Heap[T any] struct {
	Before func(a, b T) bool
	// Moved is told an item's place, which Fix and Remove want, and -1 when it leaves; may be nil.
	Moved func(item T, at int)

	items []T
}

// Len is the number of items.
func (h *Heap[T]) Len() int { return len(h.items) }

// First is the least item; there must be one.
func (h *Heap[T]) First() T { return h.items[0] }

// Push adds an item.
func (h *Heap[T]) Push(item T) { heap.Push((*slots[T])(h), item) }

// Pop takes the least item, of which there must be one.
func (h *Heap[T]) Pop() T { return heap.Pop((*slots[T])(h)).(T) }

// Fix puts an item whose order has changed where it belongs.
func (h *Heap[T]) Fix(at int) { heap.Fix((*slots[T])(h), at) }

// Remove takes the item at a place.
func (h *Heap[T]) Remove(at int) { heap.Remove((*slots[T])(h), at) }

// slots are the items as container/heap wants them.
type slots[T any] Heap[T]

func (s *slots[T]) Len() int           { return len(s.items) }
func (s *slots[T]) Less(i, j int) bool { return s.Before(s.items[i], s.items[j]) }

func (s *slots[T]) Swap(i, j int) {
	s.items[i], s.items[j] = s.items[j], s.items[i]
	s.tell(i)
	s.tell(j)
}

func (s *slots[T]) Push(item any) {
	s.items = append(s.items, item.(T))
	s.tell(len(s.items) - 1)
}

func (s *slots[T]) Pop() any {
	last := len(s.items) - 1
	item := s.items[last]
	clear(s.items[last:])
	s.items = s.items[:last]
	if s.Moved != nil {
		s.Moved(item, -1)
	}
	return item
}

func (s *slots[T]) tell(at int) {
	if s.Moved != nil {
		s.Moved(s.items[at], at)
	}
}
