package window

// host is what one host holds of a shard: the groups that its events opened.
type host struct {
	name           string
	count          int
	bytes          int64
	oldest, newest *group // in the order in which they were touched last
	at             [2]int // position in the heaps
}

const (
	atCount = iota
	atBytes
)

// maxName bounds the texts that are kept of hosts and groups.
const maxName = 1 << 10

func (h *host) pushNewest(g *group) {
	g.older, g.newer = h.newest, nil
	if h.newest != nil {
		h.newest.newer = g
	} else {
		h.oldest = g
	}
	h.newest = g
}

func (h *host) unlink(g *group) {
	if g.older != nil {
		g.older.newer = g.newer
	} else {
		h.oldest = g.newer
	}
	if g.newer != nil {
		g.newer.older = g.older
	} else {
		h.newest = g.older
	}
	g.older, g.newer = nil, nil
}

func (h *host) moveToNewest(g *group) {
	if h.newest != g {
		h.unlink(g)
		h.pushNewest(g)
	}
}

// hostHeap has the host on top that holds most; of equals the first by name, so
// that who is evicted follows from the state alone.
type hostHeap struct {
	hosts []*host
	pos   int // which of host.at is this heap's
}

func (h *hostHeap) Len() int { return len(h.hosts) }

func (h *hostHeap) Less(i, j int) bool {
	a, b := h.hosts[i], h.hosts[j]
	switch {
	case h.pos == atCount && a.count != b.count:
		return a.count > b.count
	case h.pos == atBytes && a.bytes != b.bytes:
		return a.bytes > b.bytes
	}
	return a.name < b.name
}

func (h *hostHeap) Swap(i, j int) {
	h.hosts[i], h.hosts[j] = h.hosts[j], h.hosts[i]
	h.hosts[i].at[h.pos], h.hosts[j].at[h.pos] = i, j
}

func (h *hostHeap) Push(x any) {
	one := x.(*host)
	one.at[h.pos] = len(h.hosts)
	h.hosts = append(h.hosts, one)
}

func (h *hostHeap) Pop() any {
	last := h.hosts[len(h.hosts)-1]
	h.hosts[len(h.hosts)-1] = nil
	h.hosts = h.hosts[:len(h.hosts)-1]
	return last
}

// groupHeap has the group on top that is due first.
type groupHeap []*group

func (h groupHeap) Len() int           { return len(h) }
func (h groupHeap) Less(i, j int) bool { return h[i].wakes < h[j].wakes }

func (h groupHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapPos, h[j].heapPos = i, j
}

func (h *groupHeap) Push(x any) {
	g := x.(*group)
	g.heapPos = len(*h)
	*h = append(*h, g)
}

func (h *groupHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
