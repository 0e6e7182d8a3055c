package barrier

import "testing"

func TestParseNumbers(t *testing.T) {
	for text, want := range map[string]Numbers{
		"20000-29999": {20000, 29999}, "1024-65535": {1024, 65535}, "40000-40255": {40000, 40255},
		"": {}, "20000": {}, "30000-20000": {}, "80-9000": {}, "40000-40100": {}, "65000-70000": {}, "a-b": {}, "20000-29999-": {},
	} {
		got, err := ParseNumbers(text)
		if got != want || (err == nil) != (want != Numbers{}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if err == nil && got.String() != text {
			t.Errorf("%q is written as %q", text, got)
		}
	}
}

func TestNumbersGoRoundOnce(t *testing.T) {
	n, seen := Numbers{65530, 65535}, map[uint16]bool{}
	for i := range n.count() {
		number := n.at(4 + i)
		if seen[number] || !n.Has(int(number)) {
			t.Errorf("number %d", number)
		}
		seen[number] = true
	}
}
