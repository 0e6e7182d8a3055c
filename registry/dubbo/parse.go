package dubbo

import (
	"errors"
	"fmt"
	"strings"
)

// service is one that the application provides.
type service struct {
	name string
	// marks say for each registry, and in Dubbo 3 for each way of registering, whether it is in.
	marks []bool
}

type services []service

// in are those that at least one registry has.
func (s services) in() (in services) {
	for _, one := range s {
		for _, mark := range one.marks {
			if mark {
				in = append(in, one)
				break
			}
		}
	}
	return in
}

// registered are those that belong into a registry. Dubbo's own metadata service does not.
func (s services) registered() (there services) {
	for _, one := range s {
		if len(one.marks) > 0 {
			there = append(there, one)
		}
	}
	return there
}

// maxServices bounds what is read of a list; applications have some hundreds.
const maxServices = 20_000

// parseList reads the answer to ls: the table of what the application provides, which has a
// name and a state in each row. The table of what it consumes comes after it.
func parseList(body []byte) (services, error) {
	var all services
	provides, header := false, false
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "As Provider side:":
			provides = true
		case line == "As Consumer side:":
			if !header {
				return nil, errors.New("it has no table of providers")
			}
			return all, nil
		case !provides, !strings.HasPrefix(line, "|"):
		case !header:
			header = true
			if cells := row(line); len(cells) != 2 || cells[1] != "PUB" {
				return nil, errors.New("its table has other columns")
			}
		default:
			cells := row(line)
			if len(cells) != 2 {
				return nil, fmt.Errorf("a row has %d columns", len(cells))
			}
			marks, err := parseMarks(cells[1])
			if err != nil {
				return nil, err
			}
			if all = append(all, service{cells[0], marks}); len(all) > maxServices {
				return nil, fmt.Errorf("more than %d services", maxServices)
			}
		}
	}
	return nil, errors.New("it is not a list of services, or is cut")
}

func row(line string) []string {
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// parseMarks reads Y or N, of Dubbo 2, and zookeeper-A(Y)/zookeeper-I(N), of Dubbo 3: A is by
// application, I by interface.
func parseMarks(cell string) ([]bool, error) {
	if cell == "" {
		return nil, nil
	}
	var marks []bool
	for part := range strings.SplitSeq(cell, "/") {
		switch {
		case part == "Y", strings.HasSuffix(part, "(Y)"):
			marks = append(marks, true)
		case part == "N", strings.HasSuffix(part, "(N)"):
			marks = append(marks, false)
		default:
			return nil, errors.New("a state is neither Y nor N")
		}
	}
	return marks, nil
}
