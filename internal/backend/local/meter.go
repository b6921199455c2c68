package local

// A meter counts the steps of a long work. progress may be nil.
type meter struct {
	progress    func(done, total int)
	done, total int
}

func newMeter(progress func(done, total int), total int) *meter {
	m := &meter{progress: progress, done: -1, total: total}
	m.step()
	return m
}

// step reports one step more.
func (m *meter) step() {
	if m.done++; m.progress != nil {
		m.progress(m.done, m.total)
	}
}
