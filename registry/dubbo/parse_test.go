package dubbo

import (
	"slices"
	"strings"
	"testing"
)

func table(rows ...string) string {
	return "As Provider side:\r\n+--+\n|Provider Service Name|PUB|\n+--+\n" + strings.Join(rows, "\n+--+\n") + "\nAs Consumer side:\n|Consumer Service Name|NUM|\n|x|zookeeper-AF(Y)|\n"
}

func TestParseList(t *testing.T) {
	for _, test := range []struct {
		name, text string
		in, there  int
		err        string
	}{
		{"in", table("| a |zookeeper-A(Y)/zookeeper-I(Y)|", "|DubboInternal - orders/MetadataService:1.0.0| |"), 1, 1, ""},
		{"out", table("|a|zookeeper-A(N)/zookeeper-I(N)|"), 0, 1, ""},
		{"in by one way", table("|a|nacos-I(N)/nacos-A(Y)|", "|b|nacos-I(N)/nacos-A(N)|"), 1, 2, ""},
		{"several registries", table("|a|nacos-A(N)/nacos-I(N)/zookeeper-A(N)/zookeeper-I(Y)|"), 1, 1, ""},
		{"a name with a dash and a slash", table("|g/a:1.0|my-nacos-A(N)|"), 0, 1, ""},
		{"Dubbo 2", table("|a|Y|", "|b|N|"), 1, 2, ""},
		{"nothing provided", table(), 0, 0, ""},
		{"only the internal one", table("|DubboInternal - x| |"), 0, 0, ""},
		{"another state", table("|a|delayed|"), 0, 0, "neither Y nor N"},
		{"half a state", table("|a|nacos-A(Y|"), 0, 0, "neither Y nor N"},
		{"another column", table("|a|b|Y|"), 0, 0, "3 columns"},
		{"another table", strings.ReplaceAll(table(), "PUB", "NUM"), 0, 0, "other columns"},
		{"cut", strings.Split(table("|a|N|"), "As Consumer")[0], 0, 0, "is cut"},
		{"no table", "As Provider side:\nAs Consumer side:\n", 0, 0, "no table"},
		{"too many", table(slices.Repeat([]string{"|a|N|"}, maxServices+1)...), 0, 0, "more than"},
	} {
		all, err := parseList([]byte(test.text))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err != nil || len(all.in()) != test.in || len(all.registered()) != test.there {
			t.Errorf("%s: %+v, %v", test.name, all, err)
		}
	}
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(table("| a |zookeeper-A(Y)/zookeeper-I(N)|", "|b||")))
	f.Add([]byte(table("|a|Y|")))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := parseList(body)
		switch {
		case err == nil && len(all.in()) > len(all.registered()):
			t.Errorf("%d in of %d", len(all.in()), len(all.registered()))
		case err != nil && all != nil:
			t.Error("an error and a list")
		}
	})
}
