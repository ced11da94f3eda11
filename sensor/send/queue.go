package send

import "picket.internal/sensor/queue"

// Queue is where the facts of a host wait for the hub. See package queue.
type Queue = queue.Queue

// Limits bound what waits in a Queue.
type Limits = queue.Limits

// Stats is what a Queue holds and has lost.
type Stats = queue.Stats

// NewQueue makes the queue of a host.
func NewQueue(hostID string, limits Limits) *Queue {
	return queue.New(queue.Config{Host: hostID, Limits: limits})
}
