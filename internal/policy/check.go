package policy

func (d *decoder) check(p *RuntimePolicy) {}
