// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
)

// DefaultBatch is how many rows are read and written at a time: what SQLite takes in one statement, with some room.
const DefaultBatch = 1000

// Copy is a copy of all that one store keeps into another.
type Copy struct {
	From, To *Database
	Batch    int
	// Report is told, often, what is being done and how far it is.
	Report func(doing string, done, of int)

	sizes []int // rows of each table of From
	total int
}

// Run copies, goes on with a copy that was stopped, and compares in the end. When it returns nil, the two hold the same rows and
// servers may use the target. A source that a server has used since the copy began is copied anew.
func (c *Copy) Run(ctx context.Context) (rows int, err error) {
	p, err := c.begin(ctx)
	if err != nil {
		return 0, err
	}
	if err := c.copyFrom(ctx, p); err != nil {
		return 0, err
	}
	different, err := c.compare(ctx)
	if err != nil {
		return 0, err
	}
	if different != "" { // the first part was copied by an earlier run, from what the source held then
		c.Report("the source has changed since the copy began ("+different+"), so it is copied again", 0, c.total)
		if different, err = c.again(ctx); err != nil {
			return 0, err
		}
	}
	if different != "" {
		return 0, fmt.Errorf("the copy is not the same as its source: %s. Does a server or another program write to one of them? Stop it and run this again", different)
	}
	if _, err := c.To.SQL.ExecContext(ctx, `DROP TABLE transfer`); err != nil {
		return 0, fmt.Errorf("let servers have %s: %w", c.To.Name, err)
	}
	return c.total, nil
}

// begin looks at both and returns where to go on.
func (c *Copy) begin(ctx context.Context) (progress, error) {
	var err error
	if c.sizes, err = c.From.count(ctx); err != nil {
		return progress{}, err
	}
	c.total = sum(c.sizes)
	p, err := c.To.readProgress(ctx)
	if err != nil {
		return progress{}, err
	}
	if p != nil {
		if p.source != c.From.Name {
			return progress{}, fmt.Errorf("%s holds an unfinished copy of %s: finish that one, or name an empty database", c.To.Name, p.source)
		}
		c.Report("going on with a copy that was stopped", p.copied, c.total)
		return *p, nil
	}
	held, err := c.To.count(ctx)
	if err != nil {
		return progress{}, err
	}
	for i, n := range held {
		if n > 0 {
			_, err := c.To.SQL.ExecContext(ctx, `DROP TABLE transfer`) // servers may use it as before
			return progress{}, errors.Join(fmt.Errorf("%s holds data already (%d rows of %s): name an empty database", c.To.Name, n, tables[i].name), err)
		}
	}
	first := progress{source: c.From.Name}
	if err := first.write(ctx, c.To.SQL); err != nil {
		return progress{}, fmt.Errorf("mark %s as the target of a copy: %w", c.To.Name, err)
	}
	return first, nil
}

// copyFrom copies everything from a place on.
func (c *Copy) copyFrom(ctx context.Context, p progress) error {
	for p.place < len(tables) {
		t := tables[p.place]
		key, err := t.readKey(p.lastKey)
		if err != nil {
			return err
		}
		rows, err := c.From.after(ctx, t, key, c.Batch)
		if err != nil {
			return err
		}
		p.copied += len(rows)
		if len(rows) < c.Batch {
			p.place, p.lastKey = p.place+1, ""
		} else if p.lastKey, err = t.keyOf(rows[len(rows)-1]); err != nil {
			return err
		}
		if err := c.To.put(ctx, t, rows, p); err != nil {
			return err
		}
		c.Report("copied "+t.name, p.copied, c.total)
	}
	return nil
}

// again copies everything anew and compares.
func (c *Copy) again(ctx context.Context) (different string, err error) {
	for _, t := range tables {
		if _, err := c.To.SQL.ExecContext(ctx, `DELETE FROM `+t.name); err != nil {
			return "", fmt.Errorf("empty %s of %s: %w", t.name, c.To.Name, err)
		}
	}
	first := progress{source: c.From.Name}
	if err := first.write(ctx, c.To.SQL); err != nil {
		return "", fmt.Errorf("mark %s as the target of a copy: %w", c.To.Name, err)
	}
	if err := c.copyFrom(ctx, first); err != nil {
		return "", err
	}
	return c.compare(ctx)
}

// compare reads every row of both and returns what differs, or "".
func (c *Copy) compare(ctx context.Context) (different string, err error) {
	counts, err := c.To.count(ctx)
	if err != nil {
		return "", err
	}
	compared := 0
	for i, t := range tables {
		if counts[i] != c.sizes[i] {
			return fmt.Sprintf("%s has %d rows, its copy %d", t.name, c.sizes[i], counts[i]), nil
		}
		for key := row(nil); ; {
			rows, err := c.From.after(ctx, t, key, c.Batch)
			if err != nil || len(rows) == 0 {
				if err != nil {
					return "", err
				}
				break
			}
			if different, err = c.compareRows(ctx, t, rows); err != nil || different != "" {
				return different, err
			}
			key = rows[len(rows)-1][:len(t.key)]
			compared += len(rows)
			c.Report("compared "+t.name, compared, c.total)
		}
	}
	return "", nil
}

// compareRows compares rows of the source with those of the target that have their keys. It names no content.
func (c *Copy) compareRows(ctx context.Context, t table, rows []row) (different string, err error) {
	copies, err := c.To.same(ctx, t, rows)
	if err != nil {
		return "", err
	}
	byKey := map[string]row{}
	for _, r := range copies {
		key, err := t.keyOf(r)
		if err != nil {
			return "", err
		}
		byKey[key] = r
	}
	for _, r := range rows {
		key, err := t.keyOf(r)
		if err != nil {
			return "", err
		}
		other, there := byKey[key]
		if !there {
			return "a row of " + t.name + " is missing in the copy", nil
		}
		if column := t.differs(r, other); column != "" {
			return "a row of " + t.name + " has another " + column + " in the copy", nil
		}
	}
	return "", nil
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}
