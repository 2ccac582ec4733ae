# Frameworks: how they subscribe, what a master refuses, roles, failover. Each is [name, code($scenario), why the two clusters differ].
package Scenarios::Frameworks;
use strict;
use warnings;

my %capability = map { ($_ => {type => Mesos::FrameworkInfo::Capability::Type->can($_)->()}) }
    qw(MULTI_ROLE RESERVATION_REFINEMENT PARTITION_AWARE GPU_RESOURCES);
my $multi = [$capability{MULTI_ROLE}];

# What a master says of a FrameworkInfo.
sub refused {
    my ($name, %info) = @_;
    return ["refused: $name", sub { my ($scenario) = @_; $scenario->framework(%info) }];
}

[
    ['a framework subscribes and gets an offer', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->show($framework->offer);
    }],
    refused('roles without MULTI_ROLE', roles => ['a']),
    refused('role with MULTI_ROLE', role => 'a', capabilities => $multi),
    refused('the same role twice', roles => ['a', 'a'], capabilities => $multi),
    refused('a role that begins with -', role => '-a'),
    refused('a role that begins with a slash', role => '/a'),
    refused('a role that ends with a slash', role => 'a/'),
    refused('a role with two slashes', role => 'a//b'),
    refused('a role that is .', role => '.'),
    refused('a role with .. inside', role => 'a/../b'),
    refused('a role with a space', role => 'a b'),
    refused('a role with a star', role => 'a/*'),
    refused('two roles twice', roles => ['b', 'a', 'b', 'a', 'c'], capabilities => $multi),
    refused('an empty role', role => ''),
    refused('an invalid role among several', roles => ['good', 'a//b'], capabilities => $multi),
    refused('no roles with MULTI_ROLE', roles => [], capabilities => $multi),
    refused('a failover_timeout that is infinite', failover_timeout => 9**9**9),
    refused('a failover_timeout of three hundred years', failover_timeout => 9_460_800_000),
    refused('an id that no framework has had', id => {value => 'never-there'}, failover_timeout => 10),
    refused('a negative failover_timeout', failover_timeout => -1),
    refused('a failover_timeout beyond reason', failover_timeout => 1e300),
    refused('an empty name', name => ''),
    ['a role of a hierarchy gets what is reserved above', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework(roles => ['static/child'], capabilities => [@$multi, $capability{RESERVATION_REFINEMENT}]);
            $framework->show($framework->offer);
    }],
    ['what is reserved for a role is not offered to others', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework(role => 'other');
            $framework->show($framework->offer);
    }],
    ['offers of two roles', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework(roles => ['static', 'other'], capabilities => $multi);
            my %seen;
            $scenario->until('both roles', sub {
                    while (my $offer = shift @{$framework->offers}) {
                        $seen{$offer->{allocation_info}{role}} ||= 1;
                        $framework->decline($offer, 1);
                    }
                    return keys %seen == 2;
            });
            $framework->_says("role $_") for sort keys %seen;
    }],
    ['a suppressed role gets no offers, a revived one does', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->decline($framework->offer);
            $framework->driver->suppressOffers;
            $scenario->for_a_while(0.3);
            while (my $offer = shift @{$framework->offers}) { $framework->decline($offer) }
            $scenario->for_a_while(0.5);
            $framework->_says(scalar(@{$framework->offers}) . ' offers while suppressed');
            $framework->driver->reviveOffers;
            $framework->show($framework->offer);
    }],
    ['refused resources stay away for their time', sub {
            my ($scenario) = @_;
            my $framework = $scenario->framework;
            $framework->decline($framework->offer, 3600);
            $scenario->for_a_while(0.5);
            $framework->_says(scalar(@{$framework->offers}) . ' offers');
            $framework->driver->reviveOffers;
            $framework->show($framework->offer, 'after revive');
    }],
    ['a framework that fails over', sub {
            my ($scenario) = @_;
            my $first = $scenario->framework(failover_timeout => 60);
            my $second = $scenario->framework(failover_timeout => 60, id => $first->id);
            $scenario->until('the end of the first', sub { $first->heard('error') });
            $second->show($second->offer);
    }],
    ['tasks live on over a failover', sub {
            my ($scenario) = @_;
            my $first = $scenario->framework(failover_timeout => 60);
            $first->launch($first->offer, $first->custom('t', 'x'));
            $first->until_running('t');
            $first->driver->stop(1);
            $first->driver(undef);
            my $second = $scenario->framework(failover_timeout => 60, id => $first->id);
            $second->driver->reconcileTasks([]);
            $second->until_running('t');
            $second->driver->killTask($second->task_id('t'));
            $second->until_end('t');
    }],
    ['a framework that was torn down cannot come back', sub {
            my ($scenario) = @_;
            my $first = $scenario->framework(failover_timeout => 60);
            $first->driver->stop;
            $first->driver(undef);
            $scenario->framework(failover_timeout => 60, id => $first->id);
    }],
    ['updateFramework changes its roles', sub {
            my ($scenario) = @_;
            my %info = (user => 'root', name => 'changing', capabilities => $multi);
            my $framework = $scenario->framework(%info, roles => ['first']);
            $framework->decline($framework->offer);
            $framework->driver->updateFramework({%info, id => $framework->id, roles => ['second']});
            my $offer = $framework->offer(sub { $_[0]{allocation_info}{role} eq 'second' });
            $framework->show($offer);
    }],
    ['two frameworks share an agent in turn', sub {
            my ($scenario) = @_;
            my @frameworks = map { $scenario->framework } 1, 2;
            my %count;
            $scenario->until('five offers for each', sub {
                    for my $framework (@frameworks) {
                        while (my $offer = shift @{$framework->offers}) { $count{$framework->title}++; $framework->decline($offer) }
                    }
                    return 2 == grep { $_ >= 5 } values %count;
            });
            my ($more, $less) = sort { $b <=> $a } values %count;
            $scenario->say(cluster => $more <= 2 * $less + 1 ? 'both in turn' : 'one of them more often');
    }],
    ['resources in use are offered to nobody else', sub {
            my ($scenario) = @_;
            my ($first, $second) = map { $scenario->framework } 1, 2;
            my $task = $first->custom('t', 'x');
            $task->{resources} = [$first->can('cpus')->(1.5), $first->can('mem')->(100)];
            $second->decline($_, 0) while $_ = shift @{$second->offers};
            $first->launch($first->offer(sub {1}), $task);
            $first->until_running('t');
            $_->driver->suppressOffers for $first;
            my $rest = $second->offer(sub { grep { $_->{name} eq 'cpus' && $_->{scalar}{value} == 2.5 } @{$_[0]{resources}} });
            $second->show($rest);
    }],
]
