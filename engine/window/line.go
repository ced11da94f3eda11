package window

// line is a slice that gives up its front cheaply, and its memory when little
// is left.
type line[T any] struct {
	buf  []T
	head int
}

// all is what the line holds; it is valid until the next change.
func (l *line[T]) all() []T { return l.buf[l.head:] }

func (l *line[T]) len() int { return len(l.buf) - l.head }

// drop removes n from the front.
func (l *line[T]) drop(n int) {
	if n == 0 {
		return
	}
	l.head += n
	if l.len() == 0 {
		l.buf, l.head = l.buf[:0], 0
	}
	if l.len() < cap(l.buf)/4 && cap(l.buf) > 16 {
		l.buf, l.head = append(make([]T, 0, 2*l.len()+1), l.all()...), 0
	}
}

// insert puts v at position i.
func (l *line[T]) insert(i int, v T) {
	if l.head > 0 && (len(l.buf) == cap(l.buf) || l.head > l.len()) {
		n := copy(l.buf, l.all())
		l.buf, l.head = l.buf[:n], 0
	}
	l.buf = append(l.buf, v)
	all := l.all()
	copy(all[i+1:], all[i:len(all)-1])
	all[i] = v
}

// remove takes out position i.
func (l *line[T]) remove(i int) {
	all := l.all()
	copy(all[1:], all[:i])
	l.drop(1)
}
