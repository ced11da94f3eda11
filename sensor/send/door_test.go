package send_test

import (
	"net"
	"sync"
)

// door keeps a hub's port while the hub is down: giving it up and taking it
// again would race with every other program of the machine. Who comes while
// it is shut is hung up on.
type door struct {
	mu   sync.Mutex
	addr net.Addr
	way  *doorway // nil while shut
}

// newDoor answers at a listener until that is closed.
func newDoor(ln net.Listener) *door {
	d := &door{addr: ln.Addr()}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			d.answer(conn)
		}
	}()
	return d
}

func (d *door) answer(conn net.Conn) {
	d.mu.Lock()
	way := d.way
	d.mu.Unlock()
	if way == nil {
		conn.Close()
		return
	}
	select {
	case way.guests <- conn:
	case <-way.closed:
		conn.Close()
	}
}

// open lets guests in until shut.
func (d *door) open() net.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.way = &doorway{addr: d.addr, guests: make(chan net.Conn), closed: make(chan struct{})}
	return d.way
}

func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.way = nil
}

// doorway is the listener of one run of the hub.
type doorway struct {
	addr   net.Addr
	guests chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (w *doorway) Accept() (net.Conn, error) {
	select {
	case conn := <-w.guests:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *doorway) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

func (w *doorway) Addr() net.Addr { return w.addr }
