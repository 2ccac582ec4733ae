# Offer constraints: which agents a framework is offered, and what is refused. The agent has the attributes rack:r1;level:3.
# Each is [name, code($scenario), why the two clusters differ].
package Scenarios::Constraints;
use strict;
use warnings;

my %info = (user => 'root', name => 'constrained', roles => ['a'], capabilities => [{type => 'MULTI_ROLE'}]);

sub constraint { my ($selector, $predicate, $value) = @_; return {selector => $selector, predicate => {$predicate => $value || {}}} }
sub attribute { my ($name, @predicate) = @_; return constraint({attribute_name => $name}, @predicate) }
sub pseudo { my ($type, @predicate) = @_; return constraint({pseudoattribute_type => $type}, @predicate) }

sub equals { my ($text) = @_; return (text_equals => {value => $text}) }
sub not_equals { my ($text) = @_; return (text_not_equals => {value => $text}) }
sub matches { my ($regex) = @_; return (text_matches => {regex => $regex}) }
sub not_matches { my ($regex) = @_; return (text_not_matches => {regex => $regex}) }

# Each argument is a group.
sub constraints_of { my ($role, @groups) = @_; return {role_constraints => {$role => {groups => [map { {attribute_constraints => $_} } @groups]}}} }
sub constraints { return constraints_of('a', @_) }

# [what is said, constraints], ...
sub each_of {
    my ($name, @all) = @_;
    return [$name, sub {
            my ($scenario) = @_;
            $scenario->subscribed_as($_->[0], {framework_info => \%info, offer_constraints => $_->[1]}) for @all;
    }];
}

# A name for each that keeps their order.
my $number = 0;
sub one { my ($what, @groups) = @_; return [sprintf('%02d %s', ++$number, $what), constraints(@groups)] }
sub regex { my ($regex) = @_; return one($regex, [attribute('rack', matches($regex))]) }

[
    each_of('offer constraints that hold',
        ['00 none', {}], ['00 for another role', constraints_of('b', [attribute('no', 'exists')])], ['00 for no role', constraints_of('a//b', [attribute('no', 'exists')])],
        one('exists', [attribute('rack', 'exists')]), one('not exists', [attribute('no', 'not_exists')]), one('equals', [attribute('rack', equals('r1'))]),
        one('not equals', [attribute('rack', not_equals('r'))]), one('not equals without attribute', [attribute('no', not_equals('r1'))]),
        one('matches', [attribute('rack', matches('r[0-9]'))]), one('not matches', [attribute('rack', not_matches('r'))]),
        one('number equals', [attribute('level', equals('4'))]), one('hostname', [pseudo('HOSTNAME', equals('localhost'))]),
        one('region not exists', [pseudo('REGION', 'not_exists')]), one('the second of two groups', [attribute('no', 'exists')], [attribute('rack', 'exists')])),
    each_of('offer constraints that do not hold',
        one('exists', [attribute('no', 'exists')]), one('equals', [attribute('rack', equals('r'))]), one('matches a part', [attribute('rack', matches('r'))]),
        one('not matches', [attribute('rack', not_matches('r.'))]), one('number not exists', [attribute('level', 'not_exists')]),
        one('zone', [pseudo('ZONE', matches('.*'))]), one('one of a group', [attribute('rack', 'exists'), attribute('no', 'exists')])),
    each_of('offer constraints that are refused',
        one('no groups'), one('an empty group', [attribute('rack', 'exists')], []), one('no selector', [constraint({}, 'exists')]),
        one('no predicate', [{selector => {attribute_name => 'rack'}, predicate => {}}]), one('unknown pseudoattribute', [pseudo('UNKNOWN', 'exists')]),
        one('missing predicate', [{selector => {attribute_name => 'rack'}}]), one('missing selector', [{predicate => {exists => {}}}])),
    each_of('regular expressions of offer constraints that are refused',
        map { regex($_) } '[', 'a[b', '(a', 'a)', '*', 'a|+', '{2}', 'a**', 'a{2}{3}', 'a\\', '\q', '(a)\1', '[z-a]', 'a{1001}', 'a{2,1}', '((a{100}){100}){100}', '(?=a)',
        '(?z)', '(?x)a', '(?P<n', '(?<n>a)', '\pL'),
    ['offer constraints can be updated', sub {
            my ($scenario) = @_;
            my %never = (framework_info => \%info, offer_constraints => constraints([attribute('no', 'exists')]));
            my $update = sub { my ($title, %then) = @_; $scenario->subscribed_as($title, \%never, {framework_info => \%info, %then}) };
            $update->('1 to none');
            $update->('2 to others', offer_constraints => constraints([attribute('rack', 'exists')]));
            $update->('3 to invalid ones', offer_constraints => constraints([attribute('rack', matches('['))]));
            $update->('4 to no groups', offer_constraints => constraints());
            $update->('5 with another fault', offer_constraints => constraints(), framework_info => {%info, user => 'nobody'});
    }],
]
