package torchfile

import "slices"

// do runs one opcode of Python's pickle, protocols 2 to 5. Those missing
// (INST, OBJ, EXT, the text forms of protocol 0) torch.save does not write.
func (m *machine) do(op byte) {
	switch op {
	case 0x80: // PROTO
		if v := m.byte(); v < 2 || v > 5 {
			m.fail("protocol %d; 2 to 5 are read", v)
		}
	case 0x95: // FRAME
		m.next(8)
	case '(': // MARK
		m.marks = append(m.marks, len(m.stack))
	case '0': // POP
		if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
			m.marks = m.marks[:n-1]
			return
		}
		m.pop()
	case '1': // POP_MARK
		m.popMark()
	case '2': // DUP
		m.push(m.peek())
	default:
		if !m.scalar(op) && !m.container(op) && !m.reference(op) {
			m.fail("opcode 0x%02x, which torch.save does not write", op)
		}
	}
}

// scalar runs an opcode that pushes a constant.
func (m *machine) scalar(op byte) bool {
	switch op {
	case 'N': // NONE
		m.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		m.push(op == 0x88)
	case 'J': // BININT
		m.push(int64(int32(m.uint(4))))
	case 'K': // BININT1
		m.push(int64(m.uint(1)))
	case 'M': // BININT2
		m.push(int64(m.uint(2)))
	case 0x8a: // LONG1
		m.long(m.next(m.uint(1)))
	case 0x8b: // LONG4
		m.long(m.next(m.uint(4)))
	case 'G': // BINFLOAT
		m.push(m.float())
	case 'X': // BINUNICODE
		m.push(string(m.next(m.uint(4))))
	case 0x8c, 'U': // SHORT_BINUNICODE, SHORT_BINSTRING
		m.push(string(m.next(m.uint(1))))
	case 'T': // BINSTRING
		m.push(string(m.next(m.uint(4))))
	case 0x8d: // BINUNICODE8
		m.push(string(m.next(m.uint(8))))
	case 'B': // BINBYTES
		m.push(slices.Clone(m.next(m.uint(4))))
	case 'C': // SHORT_BINBYTES
		m.push(slices.Clone(m.next(m.uint(1))))
	case 0x8e: // BINBYTES8
		m.push(slices.Clone(m.next(m.uint(8))))
	default:
		return false
	}
	return true
}

// container runs an opcode that makes or fills a list, tuple or dict.
func (m *machine) container(op byte) bool {
	switch op {
	case ']', 0x8f: // EMPTY_LIST, EMPTY_SET
		m.pushList(nil)
	case 'l', 0x91: // LIST, FROZENSET
		m.pushList(m.popMark())
	case 'a': // APPEND
		m.append(m.popN(1))
	case 'e', 0x90: // APPENDS, ADDITEMS
		m.append(m.popMark())
	case ')': // EMPTY_TUPLE
		m.pushTuple(nil)
	case 't': // TUPLE
		m.pushTuple(m.popMark())
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		m.pushTuple(m.popN(int(op) - 0x84))
	case '}': // EMPTY_DICT
		m.pushDict(nil)
	case 'd': // DICT
		m.pushDict(m.popMark())
	case 's': // SETITEM
		m.set(m.popN(2))
	case 'u': // SETITEMS
		m.set(m.popMark())
	default:
		return false
	}
	return true
}

// reference runs an opcode that remembers, imports or builds.
func (m *machine) reference(op byte) bool {
	switch op {
	case 'q': // BINPUT
		m.remember(m.uint(1))
	case 'r': // LONG_BINPUT
		m.remember(m.uint(4))
	case 0x94: // MEMOIZE
		m.remember(uint64(len(m.memo)))
	case 'h': // BINGET
		m.recall(m.uint(1))
	case 'j': // LONG_BINGET
		m.recall(m.uint(4))
	case 'c': // GLOBAL
		m.global(m.line(), m.line())
	case 0x93: // STACK_GLOBAL
		m.global(m.stackGlobal())
	case 'R': // REDUCE
		args := m.popN(2)
		m.call(args[0], args[1])
	case 0x81: // NEWOBJ
		args := m.popN(2)
		m.newObject(args[0], args[1])
	case 0x92: // NEWOBJ_EX
		args := m.popN(3)
		m.newObject(args[0], args[1])
	case 'b': // BUILD
		m.build(m.pop())
	case 'Q': // BINPERSID
		v, err := m.load(m.pop())
		if err != nil {
			m.fail("%w", err)
		}
		m.push(v)
	default:
		return false
	}
	return true
}
