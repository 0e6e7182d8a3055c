// Package graceful stops a server without losing a request.
//
// For one server it is one line instead of srv.ListenAndServe():
//
//	err := graceful.ListenAndServe(&http.Server{Addr: ":8080", Handler: mux})
//
// A [Group] runs several servers, workers and closers, and stops them in phases when the process
// gets SIGTERM or SIGINT:
//
//  1. Lame duck: the servers go on accepting, and tell their clients to leave. Each HTTP/1.1
//     response says "Connection: close", each HTTP/2 connection gets a GOAWAY. It ends when nothing
//     arrives any more.
//  2. Drain: the connections that wait in the listeners' queues are accepted, and the listeners
//     close. What is in flight finishes; streams are told to end, one after the other.
//  3. Workers: their contexts are cancelled.
//  4. Closers: they run in reverse order.
//
// Each phase has a deadline, and the last one is before SIGKILL: see [Group.Grace]. A phase that is
// done early leaves its time to the next ones. The contexts that a deadline cancels have a cause
// ([context.Cause]) that names the phase. A second signal ends everything at once. One line in the
// log says what finished, what did not, and how long each phase took.
package graceful
