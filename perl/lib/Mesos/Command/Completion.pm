package Mesos::Command::Completion;
use 5.10.1;
use strict;
use warnings;
use Mesos::Command ();
use Mesos::Command::Output ();

sub main {
    my ($class, $option, $arguments) = @_;
    my $shell = Mesos::Command->one_argument('completion', 'shell', $arguments);
    my $method = {bash => '_bash', zsh => '_zsh'}->{$shell}
        or Mesos::Command->fail(Mesos::Command::USAGE, "completion: expected bash or zsh, got '$shell'");
    Mesos::Command::Output->write($class->$method);
    return Mesos::Command::OK;
}

# Options as one types them.
sub _options {
    my (@specs) = @_;
    return map { my $names = $_; my $no = $names =~ /!/; $names =~ s/[=!].*//; map { (length > 1 ? "--$_" : "-$_", $no ? "--no-$_" : ()) } split /\|/, $names } @specs;
}

# What takes an argument that is to be completed by asking the master: ids of tasks and of frameworks.
my %ASKS = (exec => 'ps', kill => 'ps', logs => 'ps --all', teardown => 'frameworks');

sub _bash {
    my ($class) = @_;
    my $commands = Mesos::Command->commands;
    my @names = sort keys %$commands;
    my @global = _options(Mesos::Command->global_options);
    my $cases = join '', map { sprintf "        %s) options='%s' ;;\n", $_, join ' ', _options(@{$commands->{$_}[3]}) } grep { @{$commands->{$_}[3]} } @names;
    my $asks = join '', map {"        $_) _mesos_perl_ids $ASKS{$_} ;;\n"}
        sort keys %ASKS;
    return <<"END";
# bash completion of mesos-perl: source <(mesos-perl completion bash)
# What a cluster says is no text for a shell: compgen -W would expand it.
_mesos_perl_ids() {
    local id
    while IFS= read -r id; do
        [[ \$id != "\$word"* ]] || COMPREPLY+=("\$(printf %q "\$id")")
    done < <(mesos-perl "\$@" --format tsv --no-header --timeout 2 2>/dev/null | cut -f1)
}
_mesos_perl() {
    local word=\${COMP_WORDS[COMP_CWORD]} command= options= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case \${COMP_WORDS[i]} in
            --) COMPREPLY=(\$(compgen -c -- "\$word")); return ;;
            -*) ;;
            *) [ -n "\$command" ] || case " @names " in *" \${COMP_WORDS[i]} "*) command=\${COMP_WORDS[i]} ;; esac ;;
        esac
    done
    if [ -z "\$command" ] && [[ \$word != -* ]]; then
        COMPREPLY=(\$(compgen -W '@names' -- "\$word"))
        return
    fi
    case \$command in
$cases    esac
    if [[ \$word == -* ]]; then
        COMPREPLY=(\$(compgen -W "\$options @global" -- "\$word"))
        return
    fi
    case \$command in
        completion) COMPREPLY=(\$(compgen -W 'bash zsh' -- "\$word")) ;;
        help) COMPREPLY=(\$(compgen -W '@names' -- "\$word")) ;;
$asks    esac
}
complete -F _mesos_perl mesos-perl
END
}

sub _zsh {
    my ($class) = @_;
    return "#compdef mesos-perl\n# zsh completion of mesos-perl: source <(mesos-perl completion zsh)\nautoload -U +X bashcompinit && bashcompinit\n" . $class->_bash;
}

1;
__END__

=head1 NAME

Mesos::Command::Completion - mesos-perl completion

=head1 SYNOPSIS

    use Mesos::Command::Completion;

    exit(Mesos::Command::Completion->main({}, ['bash']));

=head1 DESCRIPTION

Internal to this distribution.

=head1 METHODS

=head2 main

    my $status = Mesos::Command::Completion->main(\%options, [$shell]);

=cut
