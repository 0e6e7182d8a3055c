package command

import (
	"errors"
	"net/http"
	"os"
)

// beforeRendering is called before anything is rendered; Main makes it offline.
var beforeRendering = func() {}

// offline takes away what the rendering libraries would need to fetch or run anything. It is the
// second wall, behind what check/render refuses by name.
func offline() {
	http.DefaultTransport = refusing{}
	_ = os.Setenv("PATH", "") // where there is no PATH, no program is found
}

type refusing struct{}

// RoundTrip calls no server.
func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nothing is fetched while files are read")
}
